import * as fc from 'fast-check';
import { sharedApi } from './api.fixture.ts';
import { ROUTES } from './route-table.ts';

const name = fc.oneof(
  fc.constantFrom('a', 'fedora/httpd', 'A', '', '__proto__'),
  fc.string({ unit: 'binary' }),
);
const reference = fc.oneof(
  fc.constantFrom('v1', `sha256:${'0'.repeat(64)}`, 'sha256:', '-', ''),
  fc.string({ unit: 'binary' }),
);
const near = fc.record(
  {
    items: fc.array(
      fc.record(
        { repository: name, reference, tags: fc.array(reference, { maxLength: 3 }) },
        { requiredKeys: ['repository', 'reference'] },
      ),
      { maxLength: 3 },
    ),
    to: fc.constantFrom('testing', 'stable', 'internal', 'nightly', '*', ''),
    atomic: fc.boolean(),
    dryRun: fc.boolean(),
    reason: fc.string({ unit: 'binary' }),
    source: fc.constantFrom('candidates', 'other', '__proto__'),
    repositories: fc.array(name, { maxLength: 3 }),
    channel: fc.constantFrom('testing', 'nightly', ''),
  },
  { requiredKeys: [] },
);
const event = fc.record(
  {
    action: fc.constantFrom('push', 'delete', 'pull', ''),
    target: fc.record(
      { repository: fc.oneof(fc.constant('candidate/app'), name), tag: reference, url: fc.webUrl() },
      { requiredKeys: ['repository'] },
    ),
    request: fc.record({ host: fc.string() }),
    timestamp: fc.oneof(
      fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      fc.string(),
    ),
  },
  { requiredKeys: ['action', 'target'] },
);
const notification = fc.oneof(
  fc.record({ events: fc.array(fc.oneof(event, fc.jsonValue()), { maxLength: 3 }) }),
  fc.record({
    specversion: fc.constant('1.0'),
    id: fc.string(),
    source: fc.string(),
    type: fc.string(),
    data: fc.oneof(event, fc.record({ events: fc.array(event, { maxLength: 3 }) }), fc.jsonValue()),
  }),
);
/** What a caller may send: JSON of any kind, something like a body, and text. */
const body = fc.oneof(
  fc.json(),
  fc.oneof(near, notification).map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary' }),
);
const place = fc.oneof(
  fc.constantFrom('1', '0', '99', 'x', '%00', '%', '..%2f..', '__proto__'),
  fc.string().map(encodeURIComponent),
);

describe('whatever comes', () => {
  const shared = sharedApi(async (api) => {
    await api.putCandidate('a', 'v1');
    await api.promote('testing', [{ repository: 'a', reference: 'v1' }]);
  });

  test('as a body is never answered with a 5xx', async () => {
    const posts = ROUTES.filter(({ method }) => method === 'POST').map(({ path }) =>
      path.replace('{serial}', '1'),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...posts), body, async (path, text) => {
        const { status } = await shared().call('POST', path, { body: text });
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test('in a path or a query is never answered with a 5xx', async () => {
    const names = [
      'from',
      'to',
      'repository',
      'tag',
      'digest',
      'since',
      'limit',
      'cursor',
      'state',
      'kind',
      '__proto__',
    ];
    const query = fc.dictionary(fc.constantFrom(...names), fc.string({ unit: 'binary' }), { maxKeys: 3 });
    // The live stream of events has no end.
    const routes = ROUTES.filter(({ access, name: route }) => access !== 'open' && route !== 'followEvents');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...routes),
        place,
        query,
        async ({ method, path }, part, parameters) => {
          const at = path.replace(/\{\w+\}/, () => part);
          const response = await fetch(`${shared().url}${at}?${new URLSearchParams(parameters).toString()}`, {
            method,
            headers: { Authorization: 'Bearer admin-token' },
          });
          expect([method, at, await response.text(), response.status < 500]).toEqual([
            method,
            at,
            expect.any(String),
            true,
          ]);
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);
});
