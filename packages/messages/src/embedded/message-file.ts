import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messagesFault, openingFault, unusableFile } from './failures.ts';
import { GroupCommit, whenUnlocked } from './group-commit.ts';
import { MessageTable } from './message-table.ts';
import { buryDeadSessions, newSession, type SessionLock } from './session-lock.ts';

/** SQLite itself sleeps so long for a lock, and the event loop with it. */
const LOCK_SLEEP_MS = 20;
/** Stands in the file's header (`PRAGMA application_id`): "Gmsg". */
const APPLICATION_ID = 0x476d7367;
/** What brings a file from each version (`PRAGMA user_version`) to the next. A step that was released is never changed. */
const MIGRATIONS: readonly string[] = [MessageTable.SCHEMA, MessageTable.PARKED_AT];

/** An open file of message queues. */
export interface MessageFile {
  readonly file: string;
  readonly table: MessageTable;
  readonly commits: GroupCommit;
  /** Whether another connection has written since the last call. */
  hasChanged(): boolean;
  close(): Promise<void>;
}

/**
 * Opens the file, makes it if it is absent, and gives back what dead processes had of it.
 * @throws Fault CONFIGURATION_INVALID, UNAVAILABLE, STORAGE_FULL
 */
export async function openMessageFile(path: string): Promise<MessageFile> {
  const file = resolve(path); // also keeps SQLite from reading `:memory:` or `file:` into it
  let database: DatabaseSync | undefined;
  let session: SessionLock | undefined;
  try {
    await makeFile(file);
    const sqlite = new DatabaseSync(file, { timeout: LOCK_SLEEP_MS });
    database = sqlite;
    await prepare(sqlite, file);
    const sessions = `${file}-sessions`;
    session = await newSession(sessions);
    const table = new MessageTable(sqlite, session.id);
    const commits = new GroupCommit(sqlite, (error) => messagesFault(error, file));
    await buryDeadSessions(sessions, (dead) => commits.add(() => table.releaseHeldBy(dead)));
    return messageFile(file, sqlite, session, table, commits);
  } catch (error) {
    database?.close();
    await session?.release();
    throw openingFault(error, file);
  }
}

function messageFile(
  file: string,
  sqlite: DatabaseSync,
  session: SessionLock,
  table: MessageTable,
  commits: GroupCommit,
): MessageFile {
  const version = sqlite.prepare('PRAGMA data_version');
  let seen = version.get()?.['data_version'];
  return {
    file,
    table,
    commits,
    hasChanged: () => {
      const former = seen;
      try {
        seen = version.get()?.['data_version'];
      } catch {
        return true; // whoever looks closer is told what is wrong
      }
      return seen !== former;
    },
    close: async () => {
      // What could not be acknowledged, for instance on a full disk. Failing that, the next start does it.
      await commits.add(() => table.releaseHeldBy()).catch(() => undefined);
      sqlite.close();
      await session.release();
    },
  };
}

async function prepare(sqlite: DatabaseSync, file: string): Promise<void> {
  await whenUnlocked(() => mustBeOurs(sqlite, file)); // before anything is changed in it
  const mode = await whenUnlocked(() => sqlite.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode']);
  if (mode !== 'wal') {
    throw unusableFile(
      file,
      'lies on a file system that can not share memory between processes: name a file on a local disk',
    );
  }
  sqlite.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA journal_size_limit = 67108864');
  await whenUnlocked(() => migrate(sqlite));
}

function mustBeOurs(sqlite: DatabaseSync, file: string): void {
  const id = pragma(sqlite, 'application_id');
  const version = pragma(sqlite, 'user_version');
  const isNew = sqlite.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'] === 0;
  if (id !== APPLICATION_ID && !(isNew && id === 0)) {
    throw unusableFile(file, 'is a database of something else: name another file');
  }
  if (version > MIGRATIONS.length) {
    throw unusableFile(
      file,
      `was made by a newer Gantry (version ${version}): start that one, or name another file`,
    );
  }
}

function migrate(sqlite: DatabaseSync): void {
  sqlite.exec('BEGIN IMMEDIATE');
  try {
    const version = pragma(sqlite, 'user_version');
    for (const step of MIGRATIONS.slice(version)) sqlite.exec(step);
    sqlite.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`,
    );
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    throw error;
  }
}

function pragma(sqlite: DatabaseSync, name: string): number {
  return Number(sqlite.prepare(`PRAGMA ${name}`).get()?.[name]);
}

/** Made by us, since SQLite would give it the mode of any new file. Its log takes over that mode. */
async function makeFile(file: string): Promise<void> {
  await makeFolder(dirname(file));
  const handle = await open(file, 'a', 0o600);
  await handle.close();
  await syncFolder(dirname(file));
}

/**
 * Others may enter the folder, as it may hold the published tree too; the file itself is for its owner alone.
 *
 * Not by the `recursive` option of mkdir: that never returns below a symbolic link that leads nowhere, or in /proc.
 */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') {
      if ((await stat(folder)).isDirectory()) return;
      throw new Error(`${folder} is not a folder`, { cause: error });
    }
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder);
  }
  await syncFolder(dirname(folder));
}

/** Makes what is new in a folder outlive a loss of power. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
