import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './sync-folder.ts';

/**
 * The write-ahead log of a database (https://www.sqlite.org/wal.html), made durable from without: SQLite would wait for
 * the disk on the thread that calls it, so it is told not to, and the thread pool waits. What is synced at a commit is
 * all that the log holds, also what other processes have committed before: so what is durable has no gaps.
 */
export class LogFile {
  readonly #path: string;
  /** One for all who call meanwhile: none may be told that the log is durable before its name is. */
  #opening: Promise<FileHandle> | undefined;

  /** @param database the database's file */
  constructor(database: string) {
    this.#path = `${database}-wal`;
  }

  /** Resolves when all that was committed before outlives a power loss. */
  async sync(): Promise<void> {
    this.#opening ??= openNamed(this.#path).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    const log = await this.#opening;
    await log.datasync();
  }

  /** Waits for a sync that is under way. */
  async close(): Promise<void> {
    const log = await this.#opening?.catch(() => undefined); // whoever waits for that one is told
    this.#opening = undefined;
    await log?.close();
  }
}

/** Opens a file whose name outlives a power loss. The log is there from the first commit until the last connection is closed. */
async function openNamed(path: string): Promise<FileHandle> {
  const file = await open(path, 'r');
  try {
    await syncFolder(dirname(path));
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
