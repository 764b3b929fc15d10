import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import { catalogFault } from './failures.ts';
import { LOCK_WAIT_MS } from './locks.ts';
import { LogFile } from './log-file.ts';
import { type Log, WriteQueue } from './write-queue.ts';

/** How many keys one query is given. */
const KEYS_A_QUERY = 1000;

/**
 * An open database, as the parts of the catalog use it. Reads are made at once, on this thread, and see what is
 * committed, by whichever process; writes are queued and share commits.
 */
export class Database {
  readonly file: string;
  readonly #sqlite: DatabaseSync;
  readonly #writes: WriteQueue;
  readonly #statements = new Map<string, StatementSync>();
  #closing: Promise<void> | undefined;

  /** @param lockWaitMs how long a write waits for other processes */
  constructor(sqlite: DatabaseSync, file: string, lockWaitMs = LOCK_WAIT_MS, log: Log = new LogFile(file)) {
    this.file = file;
    this.#sqlite = sqlite;
    this.#writes = new WriteQueue(sqlite, file, lockWaitMs, log);
  }

  /** The statement of that text, prepared once and kept. */
  prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** The text of each statement that was prepared. */
  get statements(): readonly string[] {
    return [...this.#statements.keys()];
  }

  /** @throws Fault UNAVAILABLE */
  async read<T>(query: () => T): Promise<T> {
    this.#mustBeOpen();
    try {
      return query();
    } catch (error) {
      throw catalogFault(error, this.file);
    }
  }

  /**
   * All rows for many keys, some at a time, so that thousands do not hold up the event loop.
   * @param query is given a JSON array of keys, for `json_each`
   */
  async readMany<Row>(keys: readonly string[], query: (jsonKeys: string) => Row[]): Promise<Row[]> {
    const found: Row[][] = [];
    for (let from = 0; from < keys.length; from += KEYS_A_QUERY) {
      if (from > 0) await nextTurn();
      const some = JSON.stringify(keys.slice(from, from + KEYS_A_QUERY));
      found.push(await this.read(() => query(some)));
    }
    return found.flat();
  }

  /**
   * Runs `work` in a transaction, alone in all processes, and resolves once what it did is durable. It may be run again
   * after it was undone. When it throws, nothing of it stays.
   * @throws Fault UNAVAILABLE, STORAGE_FULL; what `work` throws
   */
  async write<T>(work: () => T): Promise<T> {
    this.#mustBeOpen();
    return this.#writes.add(work);
  }

  /** Resolves when all that a read has seen is durable, as it is when a write is acknowledged. @throws Fault UNAVAILABLE */
  async durable(): Promise<void> {
    this.#mustBeOpen();
    await this.#writes.durable();
  }

  /** Ends the writes that were asked for, then closes the file. */
  close(): Promise<void> {
    this.#closing ??= this.#writes.close().then(() => this.#sqlite.close());
    return this.#closing;
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined) {
      throw new Fault('UNAVAILABLE', `the catalog ${this.file} is closed`, { file: this.file });
    }
  }
}
