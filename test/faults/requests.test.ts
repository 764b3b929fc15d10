import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import { createInProcessRegistry } from '@gantry/registry';
import type { Problem } from '../clients/gantry-api.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import {
  ADMIN_TOKEN,
  embeddedConfiguration,
  type Gantry,
  gantry as command,
  startGantry,
} from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

/** What is malformed, from outside, is told so: a status or an exit code, and a sentence that names it. */
let gantry: Gantry;
let folder: string;
const opened = new AsyncDisposableStack();

beforeAll(async () => {
  folder = opened.use(await temporaryFolder('requests')).path;
  const registry = createInProcessRegistry();
  registry.push('plain/app', helloImage('app'), '1');
  const { url } = opened.use(await registry.listen());
  const configuration = await embeddedConfiguration({ sources: [{ name: 'builds', registry: url }] });
  gantry = opened.use(await startGantry({ folder, configuration }));
  await gantry.api.sync('builds');
}, 60_000);

afterAll(() => opened.disposeAsync(), 60_000);

const item = { repository: 'plain/app', reference: '1' };
const promotion = (changed: object) => ({ items: [item], to: 'stable', ...changed });

const BODIES: readonly { title: string; body: unknown; status: readonly number[]; says: RegExp }[] = [
  { title: 'not JSON', body: '{"items":', status: [400], says: /JSON/i },
  { title: 'a list instead of an object', body: [], status: [400, 422], says: /object/i },
  { title: 'no items', body: promotion({ items: [] }), status: [400, 422], says: /items/ },
  { title: 'an unknown member', body: promotion({ too: 'stable' }), status: [400, 422], says: /too/ },
  {
    title: 'a channel that there is not',
    body: promotion({ to: 'nowhere' }),
    status: [404, 422],
    says: /nowhere/,
  },
  {
    title: 'a repository that is no name',
    body: promotion({ items: [{ ...item, repository: 'Plain/App' }] }),
    status: [400, 422],
    says: /Plain\/App/,
  },
  {
    title: 'a path that climbs',
    body: promotion({ items: [{ ...item, repository: '../../etc' }] }),
    status: [400, 422],
    says: /\.\.\/\.\.\/etc/,
  },
  {
    title: 'a digest that is none',
    body: promotion({ items: [{ ...item, reference: 'sha256:abc', tags: ['1'] }] }),
    status: [400, 422],
    says: /sha256:abc/,
  },
  {
    title: 'a digest without tags',
    body: promotion({ items: [{ ...item, reference: `sha256:${'a'.repeat(64)}` }] }),
    status: [422],
    says: /tags/,
  },
  {
    title: 'a tag that is none',
    body: promotion({ items: [{ ...item, tags: ['no tag'] }] }),
    status: [400, 422],
    says: /no tag/,
  },
];

for (const { title, body, status, says } of BODIES) {
  test(`a promotion with ${title} is refused, and says so`, async () => {
    const answer = await gantry.api.call<Problem>('POST', '/api/v1/promotions', { body });
    expect(status).toContain(answer.status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.type).toMatch(/^urn:gantry:problem:/);
    expect(answer.body.status).toBe(answer.status);
    expect(answer.body.detail).toMatch(says);
  });
}

test('a body of many megabytes is refused before it has come', async () => {
  const sent = request(`${gantry.api.url}/api/v1/promotions`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${ADMIN_TOKEN}`,
      'Content-Type': 'application/json',
      'Content-Length': 32 * 1024 * 1024,
    },
  });
  const closed = once(sent, 'close').catch(() => undefined); // whether it is cut off or not is the server's to choose
  sent.flushHeaders();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(413);
  expect((await json(response)) as Problem).toMatchObject({ type: 'urn:gantry:problem:request-too-large' });
  sent.destroy();
  await closed;
});

test('a call without a token or with a wrong one is 401, and what may be read by all is not', async () => {
  for (const token of [null, 'guessed', '']) {
    const answer = await gantry.api.call<Problem>('GET', '/api/v1/candidates', { token });
    expect(answer.status).toBe(401);
    expect(answer.body.type).toBe('urn:gantry:problem:unauthorized');
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  }
  expect((await gantry.api.call('GET', '/healthz', { token: null })).status).toBe(200);
});

test('routes and identifiers that there are not are 404 problems', async () => {
  for (const place of [
    '/api/v1/nothing',
    '/api/v1/promotions/none',
    '/api/v1/tasks/none',
    '/api/v1/publications/999',
  ]) {
    const answer = await gantry.api.call<Problem>('GET', place);
    expect({ place, status: answer.status }).toEqual({ place, status: 404 });
    expect(answer.body.type).toMatch(/^urn:gantry:problem:/);
  }
});

test('the crane answers malformed paths with the codes of the specification, whatever is tried', async () => {
  const cases = [
    ['Plain/App/manifests/1', [400, 404], /NAME_INVALID|NAME_UNKNOWN/],
    ['plain/app/manifests/sha256:abc', [400, 404], /DIGEST_INVALID|MANIFEST_UNKNOWN/],
    ['plain/app/blobs/not-a-digest', [400, 404], /DIGEST_INVALID|BLOB_UNKNOWN/],
    ['plain/app/manifests/..%2f..%2fetc', [400, 404], /./],
    ['%2e%2e/%2e%2e/etc/passwd', [400, 404], /./],
    ['plain/app/manifests/%00', [400, 404], /./],
    ['plain/app/manifests/%zz', [400, 404], /./],
  ] as const;
  for (const [place, statuses, says] of cases) {
    const response = await fetch(`http://${gantry.crane}/v2/${place}`);
    const body = await response.text();
    expect({ place, known: statuses.some((status) => status === response.status) }).toEqual({
      place,
      known: true,
    });
    expect(body).toMatch(says);
  }
  const posted = await fetch(`http://${gantry.crane}/v2/plain/app/blobs/uploads/`, { method: 'POST' });
  expect(posted.status).toBe(405);
  expect(posted.headers.get('allow')).toMatch(/GET.*HEAD/);
});

const COMMANDS: readonly { title: string; args: readonly string[]; code: number; says: RegExp }[] = [
  { title: 'no such command', args: ['promot'], code: 2, says: /promot/ },
  { title: 'no such option', args: ['candidates', '--repositry', 'x'], code: 2, says: /repositry/ },
  {
    title: 'a reference with no tag',
    args: ['promote', 'plain/app', '--to', 'stable'],
    code: 2,
    says: /plain\/app/,
  },
  {
    title: 'a name that is none',
    args: ['promote', 'Plain/App:1', '--to', 'stable'],
    code: 2,
    says: /Plain\/App/,
  },
  {
    title: 'a digest that is none',
    args: ['promote', 'plain/app@sha256:1', '--to', 'stable'],
    code: 2,
    says: /sha256:1/,
  },
  { title: 'no channel', args: ['promote', 'plain/app:1'], code: 2, says: /--to/ },
  { title: 'a source that there is not', args: ['sync', 'nowhere'], code: 2, says: /nowhere/ },
];

for (const { title, args, code, says } of COMMANDS) {
  test(`the command line refuses ${title} with exit ${code}`, async () => {
    const outcome = await command(folder, args);
    expect({ code: outcome.code, said: outcome.stderr }).toEqual({ code, said: expect.stringMatching(says) });
    expect(outcome.stderr).not.toMatch(/\n\s+at /); // no stack: it is no defect of Gantry's
  }, 20_000);
}
