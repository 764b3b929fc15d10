import { closeSync, fdatasync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

const syncData = promisify(fdatasync);

/**
 * The write-ahead log of a database (https://www.sqlite.org/wal.html), made durable from without: SQLite would wait for
 * the disk on the thread that calls it, so it is told not to, and the thread pool waits. What is synced at a commit is
 * all that the log holds, also what other processes have committed before: so what is durable has no gaps.
 */
export class LogFile {
  readonly #path: string;
  #descriptor: number | undefined;

  /** @param database the database's file */
  constructor(database: string) {
    this.#path = `${database}-wal`;
  }

  /** Resolves when all that was committed before outlives a power loss. */
  async sync(): Promise<void> {
    if (this.#descriptor === undefined) {
      // It is there from the first commit until the last connection is closed.
      this.#descriptor = openSync(this.#path, 'r');
      const folder = await open(dirname(this.#path), 'r');
      await folder.sync().finally(() => folder.close());
    }
    await syncData(this.#descriptor);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}
