import { openCatalog } from '@gantry/catalog';
import { type CommandStartedEvent, type Document, MongoClient } from 'mongodb';
import { catalogContract } from '../../packages/catalog/src/catalog.contract.ts';
import { catalogIn } from '../../packages/catalog/src/mongodb.ts';
import { INDEXES } from '../../packages/catalog/src/mongodb/indexes.ts';
import { openDatabase } from '../../packages/catalog/src/mongodb/open-database.ts';
import { tellEvents } from '../../packages/catalog/src/tell-events.ts';
import { MONGO_ENGINES, onMongoEngine } from '../servers/mongo-engines.ts';
import { indexFaults, type Keys, scansIn, tellsPlans } from './mongodb-plans.ts';

for (const engine of MONGO_ENGINES) {
  onMongoEngine(engine, (server) => {
    const commands = new Map<string, Document>();
    const remember = ({ commandName, command }: CommandStartedEvent) => {
      if (!QUIET.has(commandName)) commands.set(shapeOf(command), structuredClone(command));
    };

    catalogContract(engine.name, async () => {
      const open = new AsyncDisposableStack();
      const database = open.use(server.newDatabase());
      return {
        connect: async () => {
          const catalog = await openDatabase(database.url, catalogIn, {
            onClient: (client) => client.on('commandStarted', remember),
          });
          return open.use(tellEvents(catalog));
        },
        [Symbol.asyncDispose]: () => open.disposeAsync(),
      };
    });

    test('each command of the whole contract goes by a key or by an index, which it names and which serves it', () => {
      const all = [...commands.values()];
      expect(all.flatMap(indexFaults)).toEqual([]);
      expect(new Set(all.map((command) => command['hint'] as string | undefined).filter(isIndex))).toEqual(
        new Set(Object.keys(INDEXES).filter((name) => !SELDOM.has(name))),
      );
    });

    test('each index is there, as it is meant, and where the server tells a plan each query goes by one', async () => {
      await using database = server.newDatabase();
      await using catalog = await openCatalog({ mongodb: { url: database.url } });
      await using client = new MongoClient(database.url);
      await catalog.pool.apply('tree', 1, [], []);
      const there: Record<string, Keys> = {};
      for (const { name } of await client.db().listCollections({}, { nameOnly: true }).toArray()) {
        for (const index of await client.db().collection(name).listIndexes().toArray())
          if (index['name'] !== '_id_') there[index['name'] as string] = index['key'] as Keys;
      }
      expect(there).toEqual(
        Object.fromEntries(Object.entries(INDEXES).map(([name, { key }]) => [name, key])),
      );
      const scans: string[] = [];
      if (await tellsPlans(client.db()))
        for (const command of commands.values()) scans.push(...(await scansIn(client.db(), command)));
      expect(scans).toEqual([]);
    });
  });
}

/** Commands that read and write no records. */
const QUIET = new Set([
  'createIndexes',
  'endSessions',
  'getMore',
  'hello',
  'insert',
  'isMaster',
  'killCursors',
  'listCollections',
  'listIndexes',
]);
/** Indexes of what the contract never comes to: what others left behind, and counters that fell behind. */
const SELDOM = new Set([
  'candidates_sequence',
  'promotions_sequence',
  'tasks_sequence',
  'channel_tags_revision',
  'results_sequence',
  'reports_sequence',
  'waivers_sequence',
  'access_tokens_sequence',
  'purges_sequence',
]);

const isIndex = (hint: string | undefined) => hint !== undefined && hint !== '_id_';

/** A command with its values left out: its names, in their order. */
function shapeOf(command: Document): string {
  return JSON.stringify(command, (name, value: unknown) => {
    if (name === 'lsid' || name === '$db' || name === '$clusterTime' || name === 'txnNumber')
      return undefined;
    if (Array.isArray(value)) return name === 'updates' || name === 'deletes' ? value.slice(0, 1) : [];
    if (value instanceof Map) return [...value.keys()];
    if (name === 'hint' || OPERATIONS.has(name)) return value;
    return typeof value === 'object' ? value : typeof value;
  });
}
const OPERATIONS = new Set(['find', 'update', 'delete', 'findAndModify', 'aggregate', 'count', 'distinct']);
