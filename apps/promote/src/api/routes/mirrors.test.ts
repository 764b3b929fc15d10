import type { MirrorState } from '@gantry/catalog';
import { Fault, toProblem } from '@gantry/oci';
import { type ApiFixture, openApi } from '../api.fixture.ts';

const MIRRORS = [
  { name: 'fr1', url: 'https://mirror.example.fr/gantry' },
  { name: 'de1', url: 'https://mirror.example.de/gantry' },
];
const AT = '2026-11-21T09:00:00.000Z';
const problem = toProblem(new Fault('MIRROR_INVALID', 'the mirror fr1: it is a fork'));

const stateOf = (mirror: string, known: Partial<MirrorState>): MirrorState => ({
  mirror,
  tree: 'main',
  url: MIRRORS.find(({ name }) => name === mirror)?.url ?? '',
  lookedAt: AT,
  since: AT,
  ...known,
});

/** Two serials; de1 has both, of which the second is noted, and fr1 the first. */
async function openFollowed(): Promise<{ api: ApiFixture; promotion: string } & AsyncDisposable> {
  const api = await openApi({ mirrors: MIRRORS });
  await api.putCandidate('app', '1');
  await api.promote('testing', [{ repository: 'app', reference: '1' }]);
  const promotion = await api.promote('testing', [{ repository: 'app', reference: '1', tags: ['2'] }]);
  const { confirmations } = api.flow.catalog;
  const common = { tree: 'main', serial: 2, sampled: 5, at: AT };
  await confirmations.put({ ...common, mirror: 'de1', state: 'confirmed', served: 2 });
  await confirmations.put({ ...common, mirror: 'fr1', state: 'late', served: 1, sampled: 0, problem });
  await confirmations.putMirror(stateOf('de1', { serial: 2, confirmed: 2, latencyMs: 7, rightTypes: true }));
  await confirmations.putMirror(stateOf('fr1', { serial: 1, confirmed: 1, problem }));
  return { api, promotion, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

test('mirrors are listed by name, with how far each is behind and what is wrong with it', async () => {
  await using followed = await openFollowed();
  const { items, pages } = await followed.api.listAll('/api/v1/mirrors', 1);
  expect(pages).toBe(2);
  expect(items).toMatchObject([
    {
      name: 'de1',
      url: 'https://mirror.example.de/gantry',
      serial: 2,
      confirmed: 2,
      lag: { serials: 0, seconds: 0 },
      latencyMs: 7,
      rightTypes: true,
      problem: null,
      lookedAt: AT,
    },
    { name: 'fr1', serial: 1, confirmed: 1, lag: { serials: 1 }, rightTypes: null, problem },
  ]);
});

test('one that was not looked at yet, or has another address by now, has nothing to show', async () => {
  await using api = await openApi({ mirrors: MIRRORS });
  await api.flow.catalog.confirmations.putMirror(
    stateOf('de1', { url: 'https://old.example.de', serial: 9, confirmed: 9 }),
  );
  const { body } = await api.call('GET', '/api/v1/mirrors');
  expect(body.items).toMatchObject([
    { name: 'de1', serial: null, confirmed: null, lag: null, lookedAt: null },
    { name: 'fr1', serial: null, confirmed: null, lag: null, lookedAt: null },
  ]);
});

test('a publication tells which mirrors have it', async () => {
  await using followed = await openFollowed();
  const at = async (serial: number) =>
    (await followed.api.call('GET', `/api/v1/publications/${serial}/mirrors`)).body.items;
  expect(await at(2)).toEqual([
    { mirror: 'de1', state: 'confirmed', served: 2, sampled: 5, problem: null, at: AT },
    { mirror: 'fr1', state: 'late', served: 1, sampled: 0, problem, at: AT },
  ]);
  // What came together with later serials is not noted one by one.
  expect(await at(1)).toMatchObject([
    { mirror: 'de1', state: 'confirmed', at: null },
    { mirror: 'fr1', state: 'confirmed', at: null },
  ]);
  expect((await followed.api.call('GET', '/api/v1/publications/9/mirrors')).status).toBe(404);
});

test('a promotion that is asked for by its id tells it, in its timeline too, and its ETag changes with it', async () => {
  await using followed = await openFollowed();
  const { api, promotion } = followed;
  const path = `/api/v1/promotions/${promotion}`;
  const first = await api.call('GET', path);
  expect(first.body.mirrors).toMatchObject([
    { mirror: 'fr1', state: 'late' },
    { mirror: 'de1', state: 'confirmed' },
  ]);
  const notes = first.body.timeline.flatMap(({ note }: { note?: string }) => note ?? []);
  expect(notes).toEqual([
    'mirror fr1 is late with serial 2: the mirror fr1: it is a fork',
    'mirror de1 has serial 2',
  ]);
  const etag = first.headers.get('etag') ?? '';
  const unchanged = { headers: { 'If-None-Match': etag } };
  expect((await api.call('GET', path, unchanged)).status).toBe(304);
  await api.flow.catalog.confirmations.put({
    tree: 'main',
    serial: 2,
    mirror: 'fr1',
    state: 'confirmed',
    sampled: 3,
    at: AT,
  });
  expect((await api.call('GET', path, unchanged)).status).toBe(200);
  // Its own record is as it was.
  const stored = await api.flow.catalog.promotions.get(promotion);
  expect(stored?.timeline.filter(({ note }) => note?.startsWith('mirror'))).toEqual([]);
});

test('the figures have each mirror', async () => {
  await using followed = await openFollowed();
  const { body } = await followed.api.call('GET', '/metrics');
  expect(body).toMatch(/^gantry_mirror_serial\{mirror="fr1".*\} 1$/m);
  expect(body).toMatch(/^gantry_mirror_lag_seconds\{mirror="de1".*\} 0$/m);
  expect(body).toMatch(/^gantry_mirror_problem\{mirror="fr1".*\} 1$/m);
});
