import type { Collection, Db } from 'mongodb';
import { isDuplicate, unusableDatabase } from './failures.ts';
import { fillInAll } from './fill-in.ts';
import { type CollectionName, FIRST_INDEXES, type Index, SECOND_INDEXES, THIRD_INDEXES } from './indexes.ts';

/** The one document of the collection `schema`. */
interface Schema {
  readonly _id: 'catalog';
  /** How many steps the catalog has behind it. */
  readonly version: number;
  /** The lowest version that a Gantry must know to work with it. */
  readonly reader: number;
  /** Set while a copy or a rebuild fills the catalog. */
  readonly halfFilled?: boolean;
}

/** What brings a catalog from one schema version to the next. A step that has been released is never changed. */
export interface Step {
  /**
   * The lowest version that a Gantry must know to work with the catalog afterwards. A step that old workers may work
   * beside (it adds an index, or a field that they leave alone) keeps the one before it; so one release adds, and a
   * later one takes away.
   */
  readonly reader: number;
  /** Brings the catalog there; right also when it is done twice, by two at once, or was cut off in the middle. */
  readonly run: (database: Db) => Promise<void>;
}

/** From an empty database on. */
export const MIGRATIONS: readonly Step[] = [
  { reader: 1, run: (database) => makeIndexes(database, FIRST_INDEXES) },
  {
    // One that knows less would promote past gates, bring back what was retracted or purged, and write rows that are not
    // found by the digests in them.
    reader: 2,
    run: async (database) => {
      await makeIndexes(database, SECOND_INDEXES);
      await fillInAll(database);
    },
  },
  // One that knows less would rely on a condemned blob without sparing it, and promote a candidate whose content was given
  // up. Its rows are read as they are: what they lack is neither condemned nor collected.
  { reader: 3, run: (database) => makeIndexes(database, THIRD_INDEXES) },
];

/** Makes indexes, of one collection in one command. One that is there already stays. */
export async function makeIndexes(database: Db, indexes: Readonly<Record<string, Index>>): Promise<void> {
  const byCollection = Map.groupBy(Object.entries(indexes), ([, { collection }]) => collection);
  for (const [collection, wanted] of byCollection) {
    const there = new Set(await indexNames(database, collection));
    const missing = wanted.filter(([name]) => !there.has(name));
    if (missing.length === 0) continue;
    await database.collection(collection).createIndexes(
      missing.map(([name, { key, unique, sparse }]) => ({
        name,
        key,
        ...(unique === undefined ? {} : { unique }),
        ...(sparse === undefined ? {} : { sparse }),
      })),
    );
  }
}

async function indexNames(database: Db, collection: CollectionName): Promise<string[]> {
  if (!(await collectionNames(database)).includes(collection)) return []; // of which some servers can't list any
  return (await database.collection(collection).listIndexes().toArray()).map(({ name }) => name as string);
}

/** @throws Fault CONFIGURATION_INVALID for a database that holds something else, or a schema that only a newer Gantry knows */
export async function mustBeOurs(
  database: Db,
  name: string,
  {
    steps = MIGRATIONS,
    mayBeHalfFilled = false,
  }: { steps?: readonly Step[]; mayBeHalfFilled?: boolean } = {},
): Promise<void> {
  const schema = await schemaOf(database).findOne({ _id: 'catalog' });
  if (schema === null) {
    const others = (await collectionNames(database)).filter((collection) => collection !== 'schema');
    if (others.length === 0 || (await schemaOf(database).findOne({ _id: 'catalog' })) !== null) return;
    throw unusableDatabase(
      name,
      "is the database of another program: name a database of the catalog's own, as mongodb://host/gantry",
    );
  }
  if (schema.halfFilled === true && !mayBeHalfFilled) {
    throw unusableDatabase(
      name,
      'is half filled, by a copy or a rebuild that did not come to its end: make that again, which starts anew, or name another database',
    );
  }
  mustBeKnown(schema, name, steps);
}

/** Whether the database has all steps behind it. */
export async function isNewest(database: Db, steps: readonly Step[] = MIGRATIONS): Promise<boolean> {
  const schema = await schemaOf(database).findOne({ _id: 'catalog' });
  return schema !== null && schema.version >= steps.length;
}

/**
 * Brings the database to the newest schema, step by step. Others may do the same at the same time, and workers that know
 * less may go on as far as a step allows it.
 * @throws Fault CONFIGURATION_INVALID when a newer Gantry was faster
 */
export async function migrate(
  database: Db,
  name: string,
  steps: readonly Step[] = MIGRATIONS,
): Promise<void> {
  const schemas = schemaOf(database);
  const schema = (await schemas.findOne({ _id: 'catalog' })) ?? (await firstSchema(schemas));
  mustBeKnown(schema, name, steps);
  for (let version = schema.version + 1; version <= steps.length; version++) {
    const { reader, run } = steps[version - 1] as Step;
    // Whom the step would harm is told before it begins; the version says that it has ended.
    await schemas.updateOne({ _id: 'catalog', reader: { $lt: reader } }, { $set: { reader } });
    await run(database);
    await schemas.updateOne({ _id: 'catalog', version: { $lt: version } }, { $set: { version } });
  }
}

async function firstSchema(schemas: Collection<Schema>): Promise<Schema> {
  const first: Schema = { _id: 'catalog', version: 0, reader: 0 };
  try {
    await schemas.insertOne(first);
  } catch (error) {
    if (!isDuplicate(error)) throw error; // another was faster
  }
  return (await schemas.findOne({ _id: 'catalog' })) ?? first;
}

function mustBeKnown({ version, reader }: Schema, name: string, steps: readonly Step[]): void {
  if (reader <= steps.length) return;
  throw unusableDatabase(
    name,
    `was brought to version ${version} by a newer Gantry, and needs one that knows version ${reader} (this one knows up to ${steps.length}): run that Gantry, or name another database`,
  );
}

/** The schema's collection, read and written as all else. */
export function schemaOf(database: Db): Collection<Schema> {
  return database.collection<Schema>('schema', {
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'local' },
    readPreference: 'primary',
  });
}

async function collectionNames(database: Db): Promise<string[]> {
  const collections = await database.listCollections({}, { nameOnly: true }).toArray();
  return collections.map(({ name }) => name).filter((name) => !name.startsWith('system.'));
}
