import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sqliteFailure } from './failures.ts';

/** Says that its process lives: a lock on a file of its own, which the kernel drops with the process, however it ends. */
export interface SessionLock {
  readonly id: string;
  release(): Promise<void>;
}

/** Takes the lock of a new session. @param folder where the lock files of all sessions lie; made if it is absent */
export async function newSession(folder: string): Promise<SessionLock> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  for (;;) {
    const id = randomUUID();
    const lock = tryLock(join(folder, id));
    // Between its making and its locking, another process may have taken the lock file for that of a dead session.
    if (lock !== undefined && existsSync(join(folder, id))) {
      return {
        id,
        release: async () => {
          await rm(join(folder, id), { force: true });
          lock.close();
        },
      };
    }
    lock?.close();
  }
}

/** Calls `release` with each session whose process is dead, and removes its lock file then. */
export async function buryDeadSessions(
  folder: string,
  release: (id: string) => Promise<void>,
): Promise<void> {
  for (const id of await readdir(folder)) {
    const lock = tryLock(join(folder, id));
    if (lock === undefined) continue;
    try {
      await release(id);
      await rm(join(folder, id), { force: true });
    } finally {
      lock.close();
    }
  }
}

/**
 * Node has no call for file locks, but SQLite takes one when a transaction begins, and writes nothing.
 * @returns undefined if another session holds the lock
 */
function tryLock(path: string): DatabaseSync | undefined {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database.close();
    if (sqliteFailure(error) === 'locked') return undefined;
    throw error;
  }
}
