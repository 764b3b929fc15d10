import type { Db } from 'mongodb';
import { MongoClient } from 'mongodb';
import { catalogIn } from '../../packages/catalog/src/mongodb.ts';
import { promotion } from '../../packages/catalog/src/contract/samples.ts';
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
    schema: () => db.collection<{ _id: string }>('schema').findOne({ _id: 'catalog' }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
