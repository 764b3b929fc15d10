import { Fault } from '@gantry/oci';
import type { Collection, Db, Document, Filter, MongoClient, Sort, WithId } from 'mongodb';
import { ServerClock } from './clock.ts';
import { Counters } from './counters.ts';
import { catalogFault } from './failures.ts';
import type { CollectionName, IndexName } from './indexes.ts';
import { RETRY_MS, untilAnswered } from './retry.ts';

/** How long a write waits for the majority, before it is made again. */
const MAJORITY_WAIT_MS = 8000;
const SCHEMA_LOOK_MS = 30_000;

/** One query, bound to an index by its name. */
export interface Query<T> {
  readonly index: IndexName | '_id_';
  readonly filter: Filter<T>;
  readonly sort?: Sort;
  readonly limit?: number;
  /** The fields to answer; absent: all. */
  readonly fields?: Readonly<Record<string, 0 | 1>>;
}

export interface DatabaseOptions {
  /** How long a call goes on trying. */
  readonly retryMs?: number;
  /** Throws when this Gantry can not work with what the schema has become; asked from time to time. */
  readonly checkSchema?: () => Promise<void>;
  /** After how long a call first asks that. */
  readonly schemaLookMs?: number;
}

/**
 * An open database, as the parts of the catalog use it. What is written is on a majority of the members, and on their
 * disks, before it is acknowledged; what is read comes from the primary, so it has every acknowledged write.
 */
export class Database {
  /** The address without its credentials. */
  readonly name: string;
  readonly clock: ServerClock;
  readonly counters: Counters;
  readonly #client: MongoClient;
  readonly #database: Db;
  readonly #retryMs: number;
  readonly #checkSchema: () => Promise<void>;
  readonly #schemaLookMs: number;
  readonly #underWay = new Set<Promise<unknown>>();
  #schemaSeenAt = performance.now();
  #closing: Promise<void> | undefined;

  constructor(client: MongoClient, database: Db, name: string, options: DatabaseOptions = {}) {
    this.name = name;
    this.clock = new ServerClock(database);
    this.#client = client;
    this.#database = database;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.#checkSchema = options.checkSchema ?? (async () => {});
    this.#schemaLookMs = options.schemaLookMs ?? SCHEMA_LOOK_MS;
    this.counters = new Counters(this.collection('counters'));
  }

  /** A collection whose writes and reads are as the catalog wants them, whatever the address says. */
  collection<T extends Document>(name: CollectionName): Collection<T> {
    return this.#database.collection<T>(name, WRITES_AND_READS);
  }

  /** What a query finds, at the most `limit`. A failure is that of one attempt: for use in `call`. */
  async find<T extends Document>(collection: Collection<T>, query: Query<T>): Promise<WithId<T>[]> {
    const { index, filter, sort, limit, fields } = query;
    return collection
      .find(filter, {
        hint: index,
        ...(sort === undefined ? {} : { sort }),
        ...(limit === undefined ? {} : { limit }),
        ...(fields === undefined ? {} : { projection: fields }),
      })
      .toArray();
  }

  /** The first that a query finds. */
  async first<T extends Document>(
    collection: Collection<T>,
    query: Omit<Query<T>, 'limit'>,
  ): Promise<WithId<T> | undefined> {
    const [found] = await this.find(collection, { ...query, limit: 1 });
    return found;
  }

  /**
   * Makes reads and writes until the server has answered them. `work` is called again, from its begin, after a failure
   * that passes, and does not know then what of it was done: it must come to the same end.
   * @throws Fault UNAVAILABLE, STORAGE_FULL, REQUEST_UNPROCESSABLE; what `work` throws
   */
  call<T>(work: () => Promise<T>): Promise<T> {
    return this.whole(() => this.attempt(work));
  }

  /** Runs what makes several attempts; closing the database waits for its end. @throws Fault UNAVAILABLE; what `work` throws */
  async whole<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined)
      throw new Fault('UNAVAILABLE', `the catalog ${this.name} is closed`, { catalog: this.name });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay.add(promise);
    try {
      return await work();
    } finally {
      this.#underWay.delete(promise);
      resolve();
    }
  }

  /** As {@link call}, within `whole`. */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await untilAnswered(async () => {
        await this.#lookAtSchema();
        return work();
      }, this.#retryMs);
    } catch (error) {
      throw catalogFault(error, this.name);
    }
  }

  /** Ends the calls that were made, then the connections. */
  close(): Promise<void> {
    this.#closing ??= Promise.all(this.#underWay).then(() => this.#client.close());
    return this.#closing;
  }

  /** A newer Gantry may migrate while this one works. */
  async #lookAtSchema(): Promise<void> {
    if (performance.now() - this.#schemaSeenAt < this.#schemaLookMs) return;
    await this.#checkSchema();
    this.#schemaSeenAt = performance.now();
  }
}

/**
 * A local read on the primary, since one of the majority may, right after a failover, not know yet what was acknowledged
 * before. The outbox alone asks for the majority: what it tells leaves the house.
 */
export const WRITES_AND_READS = {
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: MAJORITY_WAIT_MS },
  readConcern: { level: 'local' },
  readPreference: 'primary',
} as const;
