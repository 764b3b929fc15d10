import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import { catalogFault } from './failures.ts';
import { whenUnlocked } from './locks.ts';
import type { LogFile } from './log-file.ts';

interface Write {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** What makes commits durable. */
export type Log = Pick<LogFile, 'sync' | 'close'>;

interface Done {
  readonly write: Write;
  readonly outcome: Outcome;
}

/** How long a transaction takes further writes: others wait for the lock, and the event loop for us. */
const TRANSACTION_MS = 20;

/**
 * Group commit. A commit waits for the disk, so the writes that are made in one turn of the event loop, or while the
 * lock or the disk is waited for, share one transaction. Each is acknowledged only when the transaction is durable. A
 * write that fails is undone by its savepoint and leaves its neighbours alone. A transaction runs within one turn, so no
 * read sees half of it.
 */
export class WriteQueue {
  readonly #sqlite: DatabaseSync;
  readonly #file: string;
  readonly #lockWaitMs: number;
  readonly #log: Log;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  readonly #undo: StatementSync;
  #waiting: Write[] = [];
  /** How many of those that wait get a transaction each, since the one they shared failed. */
  #alone = 0;
  #working: Promise<void> | undefined;

  constructor(sqlite: DatabaseSync, file: string, lockWaitMs: number, log: Log) {
    this.#sqlite = sqlite;
    this.#file = file;
    this.#lockWaitMs = lockWaitMs;
    this.#log = log;
    this.#begin = sqlite.prepare('BEGIN IMMEDIATE');
    this.#commit = sqlite.prepare('COMMIT');
    this.#rollback = sqlite.prepare('ROLLBACK');
    this.#savepoint = sqlite.prepare('SAVEPOINT write');
    this.#release = sqlite.prepare('RELEASE write');
    this.#undo = sqlite.prepare('ROLLBACK TO write');
  }

  /**
   * Resolves with what `run` returned, once that is durable. `run` may be called again, after its effects were undone.
   * @throws Fault STORAGE_FULL, UNAVAILABLE; what `run` throws
   */
  add<T>(run: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ run, resolve: resolve as (value: unknown) => void, reject });
    this.#working ??= this.#work();
    return promise;
  }

  /** Resolves when all that was committed so far is durable: what was read may be a moment younger. @throws Fault UNAVAILABLE */
  async durable(): Promise<void> {
    try {
      await this.#log.sync();
    } catch (error) {
      throw this.#notDurable(error);
    }
  }

  /** Ends the writes that wait. */
  async close(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
    await this.#log.close();
  }

  /** Never rejects: each failure belongs to the writes that it hit. */
  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      await nextTurn();
      try {
        await whenUnlocked(() => this.#begin.run(), this.#lockWaitMs);
      } catch (error) {
        this.#fail(this.#waiting.splice(0), error);
        this.#alone = 0;
        continue;
      }
      await this.#acknowledge(this.#transact());
    }
    this.#working = undefined;
  }

  /** Runs what waits in the transaction that has begun, and commits it. @returns what came of each, if it was committed */
  #transact(): readonly Done[] {
    const done: Done[] = [];
    const end = performance.now() + TRANSACTION_MS;
    const most = this.#alone > 0 ? 1 : Infinity;
    let current: Write | undefined;
    try {
      while (
        done.length < most &&
        performance.now() < end &&
        (current = this.#waiting.shift()) !== undefined
      ) {
        done.push({ write: current, outcome: this.#attempt(current) });
      }
      current = undefined;
      this.#commit.run();
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#rollback.run();
      const writes = done.map(({ write }) => write);
      if (current !== undefined) writes.push(current);
      this.#afterFailure(writes, error);
      return [];
    }
    this.#alone = Math.max(0, this.#alone - 1);
    return done;
  }

  async #acknowledge(done: readonly Done[]): Promise<void> {
    if (done.length === 0) return;
    let failure: unknown;
    await this.#log.sync().catch((error: unknown) => (failure = this.#notDurable(error)));
    for (const { write, outcome } of done) {
      if (failure !== undefined) write.reject(failure);
      else if ('error' in outcome) this.#fail([write], outcome.error);
      else write.resolve(outcome.value);
    }
  }

  /** @throws when the whole transaction is lost by it, as SQLite does for instance when the disk is full */
  #attempt(write: Write): Outcome {
    this.#savepoint.run();
    try {
      const value = write.run();
      this.#release.run();
      return { value };
    } catch (error) {
      if (!this.#sqlite.isTransaction) throw error;
      this.#undo.run();
      this.#release.run();
      return { error };
    }
  }

  /** A transaction of several failed: each write gets one of its own, so that one alone can't fail the rest. */
  #afterFailure(writes: Write[], error: unknown): void {
    if (writes.length > 1) {
      this.#waiting.unshift(...writes);
      this.#alone = writes.length;
    } else {
      this.#fail(writes, error);
      this.#alone = Math.max(0, this.#alone - 1);
    }
  }

  #notDurable(cause: unknown): Fault {
    const said = cause instanceof Error ? cause.message : String(cause);
    return new Fault(
      'UNAVAILABLE',
      `the catalog ${this.#file} could not be made durable (${said}): look at its disk`,
      { file: this.#file },
      { cause },
    );
  }

  #fail(writes: readonly Write[], error: unknown): void {
    for (const write of writes) write.reject(catalogFault(error, this.#file));
  }
}
