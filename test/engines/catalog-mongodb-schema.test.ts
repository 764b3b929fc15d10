import type { Db } from 'mongodb';
import { MongoClient } from 'mongodb';
import { catalogIn } from '../../packages/catalog/src/mongodb.ts';
import type { Catalog } from '@gantry/catalog';
import {
  candidate,
  channelTag,
  digest,
  manifest,
  poolObject,
  promotion,
  time,
} from '../../packages/catalog/src/contract/samples.ts';
import { type OpenOptions, openDatabase } from '../../packages/catalog/src/mongodb/open-database.ts';
import { makeIndexes, MIGRATIONS, type Step } from '../../packages/catalog/src/mongodb/schema.ts';
import { MONGO_ENGINES, type MongoDatabase, onMongoEngine } from '../servers/mongo-engines.ts';

const [first] = MIGRATIONS as readonly [Step];
/** A step that an old worker may work beside. */
const adds: Step = {
  reader: 1,
  run: (database) =>
    makeIndexes(database, { more: { collection: 'promotions', key: { state: 1, creator: 1 } } }),
};
/** One that it may not. */
const changes: Step = {
  reader: 3,
  run: async (database) => {
    await database.collection('promotions').updateMany({}, { $set: { changed: true } });
  },
};

for (const engine of MONGO_ENGINES) {
  onMongoEngine(engine, (server) => {
    test('an empty database is brought to the newest schema, by two at once, and again changes nothing', async () => {
      await using at = await place(server.newDatabase());
      const both = await Promise.all([at.open(), at.open()]);
      await both[0].promotions.create(promotion('p1'));
      expect(await both[1].promotions.get('p1')).toMatchObject({ id: 'p1' });
      expect(await at.schema()).toMatchObject({ version: MIGRATIONS.length });
      const before = await at.schema();
      await at.open();
      expect(await at.schema()).toEqual(before);
    });

    test('an old worker goes on beside a new one that added something, and may be started anew', async () => {
      await using at = await place(server.newDatabase());
      const old = await at.open({ steps: [first], schemaLookMs: 0 });
      const { promotion: made } = await old.promotions.create(promotion('p1'));
      const young = await at.open({ steps: [first, adds] });
      expect(await at.schema()).toMatchObject({ version: 2, reader: 1 });
      const gating = await old.promotions.replace({ ...made, state: 'gating' });
      expect(await young.promotions.get('p1')).toEqual(gating);
      const restarted = await at.open({ steps: [first] });
      expect((await restarted.promotions.create(promotion('p2'))).created).toBe(true);
      expect(await young.promotions.get('p2')).toMatchObject({ id: 'p2' });
      expect(await at.schema()).toMatchObject({ version: 2, reader: 1 });
    });

    test('an old worker that could do harm is stopped at its next call, and is not started anew', async () => {
      await using at = await place(server.newDatabase());
      const old = await at.open({ steps: [first], schemaLookMs: 0 });
      await old.promotions.create(promotion('p1'));
      const young = await at.open({ steps: [first, adds, changes] });
      const newer = {
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/newer Gantry.*version 3/),
      };
      await expect(old.promotions.create(promotion('p2'))).rejects.toMatchObject(newer);
      await expect(old.promotions.get('p1')).rejects.toMatchObject(newer);
      await expect(at.open({ steps: [first, adds] })).rejects.toMatchObject(newer);
      expect(await young.promotions.get('p1')).toMatchObject({ id: 'p1' });
      expect(await young.promotions.get('p2')).toBeUndefined();
      expect(await at.schema()).toMatchObject({ version: 3, reader: 3 });
    });

    test('a step that was cut off is done again by the next one, and whom it would harm is told before it begins', async () => {
      await using at = await place(server.newDatabase());
      const old = await at.open({ steps: [first], schemaLookMs: 0 });
      await old.promotions.create(promotion('p1'));
      const cutOff: Step = {
        reader: 3,
        run: async (database) => {
          await changes.run(database);
          throw new Error('the power went');
        },
      };
      await expect(at.open({ steps: [first, adds, cutOff] })).rejects.toThrow('the power went');
      expect(await at.schema()).toMatchObject({ version: 2, reader: 3 });
      await expect(old.promotions.get('p1')).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
      await at.open({ steps: [first, adds, changes] });
      expect(await at.schema()).toMatchObject({ version: 3, reader: 3 });
    });

    test('what a catalog of schema 1 holds is found by the digests in it, also what an old worker writes at the last moment', async () => {
      await using at = await place(server.newDatabase());
      const old = await at.open({ steps: [first] });
      await writeWanted(old, 'early');
      await at.forgetSecond();
      const young = await at.open();
      expect(await at.schema()).toMatchObject({ version: MIGRATIONS.length, reader: MIGRATIONS.length });
      expect(await findWanted(young)).toEqual(['early', 'early', 'early']);
      await young.promotions.forgetKeys(time(1));
      expect(await young.promotions.byIdempotencyKey('early')).toBeUndefined();

      await writeWanted(young, 'late');
      await at.forgetSecond();
      expect(await findWanted(young)).toEqual(['early late', 'early late', 'early late']);
    });

    test('a step that fills in what is missing goes on where it was cut off', async () => {
      await using at = await place(server.newDatabase());
      const old = await at.open({ steps: [first] });
      for (const name of ['one', 'two', 'three']) await writeWanted(old, name);
      await at.forgetSecond();
      const [, second] = MIGRATIONS as readonly [Step, Step];
      const cutOff: Step = {
        ...second,
        run: async (database) => {
          await second.run(database);
          await database.collection('candidates').updateMany({}, { $unset: { holds: '' } });
          throw new Error('the power went');
        },
      };
      await expect(at.open({ steps: [first, cutOff] })).rejects.toThrow('the power went');
      const all = Array.from({ length: 3 }, () => 'one three two');
      const [young] = await Promise.all([at.open(), at.open()]);
      expect(await findWanted(young)).toEqual(all);
    });

    test('what a catalog of schema 2 holds is neither condemned nor given up, also what an old worker writes at the last moment', async () => {
      await using at = await place(server.newDatabase());
      const old = await at.open({ steps: MIGRATIONS.slice(0, 2) });
      const [a, b] = [candidate({ tag: 'a', syncedAt: time(1) }), candidate({ tag: 'b', syncedAt: time(2) })];
      await old.candidates.put(a);
      const young = await at.open();
      await old.candidates.put(b);
      await old.pool.apply('main', 1, [poolObject('pool/a'), poolObject('pool/b')], []);
      const listed = async () => (await young.candidates.list({ limit: 10 })).items;
      expect(await listed()).toEqual([b, a]);
      await young.candidates.collect([a, b], time(3));
      expect(await listed()).toEqual([]);
      await old.candidates.put(b);
      expect(await listed()).toEqual([b]);
      expect(await young.pool.condemned('main', time(9), 10)).toEqual([]);
      await young.pool.condemn('main', ['pool/a', 'pool/b'], time(4));
      await old.pool.apply('main', 2, [poolObject('pool/b', { since: 2 })], ['pool/a']);
      expect(await young.pool.condemned('main', time(9), 10)).toEqual([]);
    });

    test('the database of another program, and one that is half filled, are refused and left as they are', async () => {
      await using other = await place(server.newDatabase());
      await other.db.collection<{ _id: string }>('notes').insertOne({ _id: 'a note' });
      await expect(other.open()).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/^catalog\.mongodb\.url: .*another program.*name a database/),
      });
      expect((await other.db.listCollections().toArray()).map(({ name }) => name)).toEqual(['notes']);

      await using half = await place(server.newDatabase());
      await half.open();
      await half.db
        .collection<{ _id: string }>('schema')
        .updateOne({ _id: 'catalog' }, { $set: { halfFilled: true } });
      await expect(half.open()).rejects.toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/half filled.*another database/),
      });
    });
  });
}

/** A database and what the tests do with it. */
async function place(database: MongoDatabase) {
  const open = new AsyncDisposableStack();
  open.use(database);
  const client = open.use(new MongoClient(database.url));
  const db: Db = client.db();
  return {
    db,
    open: async (options: OpenOptions = {}) => open.use(await openDatabase(database.url, catalogIn, options)),
    /** Takes away what schema 2 added to rows, as if a Gantry of schema 1 had written them. */
    async forgetSecond() {
      await db.collection('manifests').updateMany({}, { $unset: { names: '' } });
      await db.collection('candidates').updateMany({}, { $unset: { holds: '' } });
      await db.collection('channel_tags').updateMany({}, { $unset: { holds: '' } });
      await db.collection('promotions').updateMany({}, { $unset: { keyedSince: '' } });
    },
    schema: () => db.collection<{ _id: string }>('schema').findOne({ _id: 'catalog' }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** Writes one of each noun that names the digest `wanted`. */
async function writeWanted(
  { manifests, candidates, channels, promotions }: Catalog,
  name: string,
): Promise<void> {
  const wanted = digest('wanted');
  await manifests.put(manifest(name, { subject: wanted, annotations: { name } }));
  await candidates.put(candidate({ tag: name, companions: [{ tag: 'x', digest: wanted }] }));
  await channels.apply('stable', name, [channelTag({ repository: name, referrers: [wanted] })], []);
  await promotions.create(promotion(name, { idempotency: { key: name, body: digest(name) } }));
}

/** Which of those are found: names of manifests, candidates and repositories, sorted. */
async function findWanted({ manifests, candidates, channels }: Catalog): Promise<string[]> {
  const [wanted, page] = [digest('wanted'), { limit: 10 }];
  const naming = (await manifests.naming(wanted, page)).items.map((one) => one.digest);
  const named = [...(await manifests.getAll(naming)).values()].map(
    ({ annotations }) => annotations?.['name'],
  );
  const held = (await candidates.holding(wanted, page)).items.map(({ tag }) => tag);
  const tagged = (await channels.holding(wanted, page)).items.map(({ repository }) => repository);
  return [named, held, tagged].map((names) => [...names].toSorted(byName).join(' '));
}

const byName = (a = '', b = '') => (a < b ? -1 : 1);
