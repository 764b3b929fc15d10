import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { sqliteFailure } from './failures.ts';

const LOCK_WAIT_MS = 30_000;
const LOCK_PAUSE_MS = 10;

interface Write {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * A commit waits for the disk: so what is written in one turn of the event loop, or while another process has the lock,
 * shares a transaction, and is acknowledged once that is durable.
 */
export class GroupCommit {
  readonly #toFault: (error: unknown) => Error;
  readonly #sqlite: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  #waiting: Write[] = [];
  #working = false;

  /** @param toFault what whoever writes is told of a transaction that failed */
  constructor(sqlite: DatabaseSync, toFault: (error: unknown) => Error) {
    this.#sqlite = sqlite;
    this.#toFault = toFault;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = sqlite.prepare('COMMIT');
  }

  /** Resolves with what `run` returned, once what it did is durable. Fails, and nothing was done, if its transaction fails. */
  add<T>(run: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ run, resolve: resolve as (value: unknown) => void, reject });
    if (!this.#working) void this.#work();
    return promise;
  }

  /** Never rejects: a failure belongs to the writes that it hit. */
  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) {
      await nextTurn();
      let writes: Write[] = [];
      try {
        await whenUnlocked(() => this.#begin.run());
        writes = this.#waiting.splice(0);
        const values = writes.map(({ run }) => run());
        this.#commit.run();
        for (const [index, { resolve }] of writes.entries()) resolve(values[index]);
      } catch (error) {
        if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK');
        if (writes.length === 0) writes = this.#waiting.splice(0);
        for (const { reject } of writes) reject(this.#toFault(error));
      }
    }
    this.#working = false;
  }
}

/** Tries again while another process has the lock, and leaves the event loop free in between. */
export async function whenUnlocked<T>(attempt: () => T): Promise<T> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (sqliteFailure(error) !== 'locked' || performance.now() >= deadline) throw error;
    }
    await pause(LOCK_PAUSE_MS);
  }
}
