import { openCatalog } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import { type Flow } from '@gantry/pipeline';
import { openStore } from '@gantry/store';
import { type ApiFixture, openApi } from '../../apps/promote/src/api/api.fixture.ts';
import { MONGO_ENGINES, onMongoEngine } from '../servers/mongo-engines.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

const OPERATORS = [{ $ne: null }, { $gt: '' }, { $where: 'sleep(9)' }, { $regex: '.*' }, { $expr: 1 }, ['a']];
const TEXTS = ['$ne', '$where', '{"$ne":null}', "'; return true; //", 'a.b', '.', '$', '$a.$b'];
const RESULTS = '/api/v1/results';

/** The API on a catalog in MongoDB. */
async function onMongo(url: string, resources: AsyncDisposableStack): Promise<ApiFixture> {
  const folder = resources.use(await temporaryFolder('nosql'));
  const catalog = resources.use(await openCatalog({ mongodb: { url } }));
  const store = resources.use(await openStore({ filesystem: { root: folder.path } }));
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const flow: Flow = { catalog, store, log, now: () => new Date(), holder: 'test' };
  return resources.use(await openApi({ flow }));
}

for (const engine of MONGO_ENGINES) {
  onMongoEngine(engine, (server) => {
    const digest = digestOf('an image');

    test('operators of the database in the place of texts are refused, in bodies and in queries', async () => {
      await using resources = new AsyncDisposableStack();
      const api = await onMongo(resources.use(server.newDatabase()).url, resources);
      for (const operator of OPERATORS) {
        const bodies: [string, object][] = [
          [RESULTS, { digest: operator, testcase: 'a', outcome: 'PASSED', source: 'a' }],
          [RESULTS, { digest, testcase: operator, outcome: 'PASSED', source: 'a' }],
          [RESULTS, { digest, testcase: 'a', outcome: 'PASSED', source: operator }],
          ['/api/v1/promotions', { to: operator, items: [{ repository: 'a', reference: '1' }] }],
          ['/api/v1/promotions', { to: 'testing', items: [{ repository: operator, reference: operator }] }],
          ['/api/v1/tokens', { name: operator, scopes: ['read'] }],
          ['/api/v1/purges', { digest: operator, reason: 'a' }],
        ];
        for (const [path, body] of bodies)
          expect([path, body, (await api.call('POST', path, { body })).status]).toEqual([path, body, 400]);
      }
      for (const query of ['actor[$ne]=', 'actor[]=a', 'action[$regex]=.*', 'actor=a&actor=b', '$where=1'])
        expect([query, (await api.call('GET', `/api/v1/audit?${query}`)).status]).toEqual([query, 400]);
      const { catalog } = api.flow;
      for (const list of [catalog.results, catalog.promotions, catalog.tokens, catalog.purges])
        expect((await list.list({ limit: 1 })).items).toEqual([]);
    });

    test('texts that look like operators are looked for as they are', async () => {
      await using resources = new AsyncDisposableStack();
      const api = await onMongo(resources.use(server.newDatabase()).url, resources);
      for (const testcase of TEXTS) {
        const body = { digest, testcase, outcome: 'PASSED', source: 'openqa', id: testcase };
        expect((await api.call('POST', RESULTS, { body })).status).toBe(201);
      }
      for (const text of TEXTS) {
        const query = new URLSearchParams({ testcase: text }).toString();
        const { body } = await api.call('GET', `${RESULTS}?${query}`);
        expect(body.items.map(({ id }: { id: string }) => id)).toEqual([text]);
        const audit = await api.call(
          'GET',
          `/api/v1/audit?${new URLSearchParams({ actor: text }).toString()}`,
        );
        expect(audit.body.items).toEqual([]);
      }
    });

    test('names of members with dollars, dots and of the language are kept as they came', async () => {
      await using resources = new AsyncDisposableStack();
      const api = await onMongo(resources.use(server.newDatabase()).url, resources);
      const data = JSON.parse('{"$where":"1","a.b":"2","$set.c":["3"],"constructor":"4","":"5"}') as object;
      const body = { digest, testcase: 'a', outcome: 'PASSED', source: 'openqa', id: 'one' };
      expect((await api.call('POST', RESULTS, { body: { ...body, data } })).status).toBe(400); // of the empty name
      const { '': _empty, ...named } = data as Record<string, unknown>;
      expect((await api.call('POST', RESULTS, { body: { ...body, data: named } })).status).toBe(201);
      const { body: kept } = await api.call('GET', `${RESULTS}/one`);
      expect(kept.data).toEqual({ $where: ['1'], 'a.b': ['2'], '$set.c': ['3'], constructor: ['4'] });
    });
  });
}
