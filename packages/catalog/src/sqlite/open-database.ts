import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Database } from './database.ts';
import { openingFault, unusableFile } from './failures.ts';
import { LOCK_SLEEP_MS, LOCK_WAIT_MS, whenUnlocked } from './locks.ts';
import { MIGRATIONS } from './migrations.ts';
import { migrate, mustBeOurs } from './schema.ts';
import { syncFolder } from './sync-folder.ts';

/**
 * Opens the file, which is made if it is absent, and hands it to `use`. When `use` throws, it is closed again.
 * @throws Fault CONFIGURATION_INVALID, UNAVAILABLE, STORAGE_FULL
 */
export function openDatabase<T>(path: string, use: (database: Database) => T): Promise<T> {
  return openFile(path, false, (sqlite, file) => use(new Database(sqlite, file)));
}

/**
 * As {@link openDatabase}, for what works on the file as a whole.
 * @param mayBeHalfFilled whether a catalog is taken, too, that a copy or a rebuild has not filled to its end
 */
export async function openFile<T>(
  path: string,
  mayBeHalfFilled: boolean,
  use: (sqlite: DatabaseSync, file: string) => T,
): Promise<T> {
  const file = resolve(path); // also keeps SQLite from reading `:memory:` or `file:` into it
  let sqlite: DatabaseSync | undefined;
  try {
    await makeFile(file);
    sqlite = new DatabaseSync(file, { timeout: LOCK_SLEEP_MS, enableForeignKeyConstraints: false });
    await prepare(sqlite, file, mayBeHalfFilled);
    return use(sqlite, file);
  } catch (error) {
    sqlite?.close();
    throw openingFault(error, file);
  }
}

async function prepare(sqlite: DatabaseSync, file: string, mayBeHalfFilled: boolean): Promise<void> {
  await whenUnlocked(() => mustBeOurs(sqlite, file, MIGRATIONS, mayBeHalfFilled), LOCK_WAIT_MS); // before anything is changed in it
  const mode = await whenUnlocked(
    () => sqlite.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'],
    LOCK_WAIT_MS,
  );
  if (mode !== 'wal') {
    throw unusableFile(file, 'lies on a file system that can not share memory: name a file on a local disk');
  }
  sqlite.exec(`
    PRAGMA synchronous = NORMAL; -- checkpoints wait for the disk; commits do in LogFile
    PRAGMA fullfsync = ON; -- and macOS for the disk's own cache
    PRAGMA journal_size_limit = 67108864; -- 64 MiB of log are kept for reuse, no more
  `);
  await whenUnlocked(() => migrate(sqlite, file), LOCK_WAIT_MS);
}

/** Made by us, since SQLite would give it the mode of any new file. Its log takes over that mode. */
async function makeFile(file: string): Promise<void> {
  await makeFolder(dirname(file));
  const handle = await open(file, 'a', 0o600);
  await handle.close();
}

/** Others may enter it, as it may hold the published tree too; the file itself is for its owner alone. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined || process.platform === 'win32') return; // which can not sync a folder
  // A new folder outlives a loss of power only once the folder that names it is on the disk.
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}
