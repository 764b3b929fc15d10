import { type Db, type Document, MongoServerError } from 'mongodb';

/** CommandNotFound: the server is older than the name `hello`. */
const COMMAND_NOT_FOUND = 59;

/**
 * The catalog's clock: that of the server which takes the writes, so that workers whose own clocks differ agree. A time
 * is asked for after the call for it was made; calls that are made meanwhile share the next answer.
 */
export class ServerClock {
  readonly #database: Db;
  #command: Document = { hello: 1 };
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
    const answer = this.#hello();
    this.#asking = answer.catch(() => undefined);
    const { localTime } = (await answer) as { localTime: Date };
    return localTime.getTime();
  }

  async #hello(): Promise<Document> {
    try {
      return await this.#database.command(this.#command);
    } catch (error) {
      if (!(error instanceof MongoServerError && error.code === COMMAND_NOT_FOUND)) throw error;
      this.#command = { isMaster: 1 };
      return this.#database.command(this.#command);
    }
  }
}
