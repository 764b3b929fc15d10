import { type Db, type Document, type MongoClient, MongoServerError } from 'mongodb';

/** CommandNotFound: the server is older than the name `hello`. */
const COMMAND_NOT_FOUND = 59;

/**
 * The catalog's clock: that of the server which takes the writes, so that workers whose own clocks differ agree. A time
 * is asked for after the call for it was made; calls that are made meanwhile share the next answer.
 */
export class ServerClock {
  readonly #database: Db;
  #asking: Promise<unknown> = Promise.resolve();
  #next: Promise<number> | undefined;

  constructor(database: Db) {
    this.#database = database;
  }

  /**
   * Milliseconds since 1970, of a moment between the call and its answer. A time that was waited with (a process that
   * was stopped meanwhile) is in the past; so whoever decides by it gives others more time, never less.
   */
  nowMs(): Promise<number> {
    this.#next ??= this.#ask();
    return this.#next;
  }

  async #ask(): Promise<number> {
    await this.#asking; // an answer that is under way may be of a time before the call
    this.#next = undefined;
    const answer = hello(this.#database);
    this.#asking = answer.catch(() => undefined);
    const { localTime } = (await answer) as { localTime: Date };
    return localTime.getTime();
  }
}

const oldServers = new WeakSet<MongoClient>();

/** What the server says of itself: https://www.mongodb.com/docs/manual/reference/command/hello/ */
export async function hello(database: Db): Promise<Document> {
  if (oldServers.has(database.client)) return database.command({ isMaster: 1 });
  try {
    return await database.command({ hello: 1 });
  } catch (error) {
    if (!(error instanceof MongoServerError && error.code === COMMAND_NOT_FOUND)) throw error;
    oldServers.add(database.client);
    return database.command({ isMaster: 1 });
  }
}
