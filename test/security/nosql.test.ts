import { digestOf } from '@gantry/oci';
import type { GantryApi, Page } from '../clients/gantry-api.ts';
import { embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { MONGO_ENGINES, type MongoDatabase, onMongoEngine } from '../servers/mongo-engines.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

const OPERATORS = [{ $ne: null }, { $gt: '' }, { $where: 'sleep(9)' }, { $regex: '.*' }, { $expr: 1 }, ['a']];
const TEXTS = ['$ne', '$where', '{"$ne":null}', "'; return true; //", 'a.b', '.', '$', '$a.$b'];
const RESULTS = '/api/v1/results';

/** A service whose catalog is in MongoDB. */
async function onMongo(database: MongoDatabase, resources: AsyncDisposableStack): Promise<GantryApi> {
  resources.use(database);
  const folder = resources.use(await temporaryFolder('nosql'));
  const configuration = await embeddedConfiguration({});
  const started = await startGantry({
    folder: folder.path,
    configuration: { ...configuration, catalog: { mongodb: { url: database.url } } },
  });
  return resources.use(started).api;
}

for (const engine of MONGO_ENGINES) {
  onMongoEngine(engine, (server) => {
    const digest = digestOf('an image');

    test('operators of the database in the place of texts are refused, in bodies and in queries', async () => {
      await using resources = new AsyncDisposableStack();
      const api = await onMongo(server.newDatabase(), resources);
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
      for (const list of ['results', 'promotions', 'tokens', 'purges'])
        expect((await api.call<Page<unknown>>('GET', `/api/v1/${list}`)).body.items).toEqual([]);
    }, 60_000);

    test('texts that look like operators are looked for as they are', async () => {
      await using resources = new AsyncDisposableStack();
      const api = await onMongo(server.newDatabase(), resources);
      for (const testcase of TEXTS) {
        const body = { digest, testcase, outcome: 'PASSED', source: 'openqa', id: testcase };
        expect((await api.call('POST', RESULTS, { body })).status).toBe(201);
      }
      for (const text of TEXTS) {
        const query = new URLSearchParams({ testcase: text }).toString();
        const { body } = await api.call<Page<{ id: string }>>('GET', `${RESULTS}?${query}`);
        expect(body.items.map(({ id }) => id)).toEqual([`openqa:${text}`]);
        const actor = new URLSearchParams({ actor: text }).toString();
        expect((await api.call<Page<unknown>>('GET', `/api/v1/audit?${actor}`)).body.items).toEqual([]);
      }
    }, 60_000);

    test('names of members with dollars, dots and of the language are kept as they came', async () => {
      await using resources = new AsyncDisposableStack();
      const api = await onMongo(server.newDatabase(), resources);
      const data = JSON.parse('{"$where":"1","a.b":"2","$set.c":["3"],"constructor":"4","":"5"}') as object;
      const body = { digest, testcase: 'a', outcome: 'PASSED', source: 'openqa', id: 'one' };
      expect((await api.call('POST', RESULTS, { body: { ...body, data } })).status).toBe(400); // of the empty name
      const { '': _empty, ...named } = data as Record<string, unknown>;
      expect((await api.call('POST', RESULTS, { body: { ...body, data: named } })).status).toBe(201);
      const { body: kept } = await api.call<{ data: object }>('GET', `${RESULTS}/openqa:one`);
      expect(kept.data).toEqual({ $where: ['1'], 'a.b': ['2'], '$set.c': ['3'], constructor: ['4'] });
    }, 60_000);
  });
}
