import { randomBytes } from 'node:crypto';
import { link, open, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { Fault } from '@gantry/oci';
import { catalogFault, unusableFile } from './failures.ts';
import { openFile } from './open-database.ts';

/** All pages in one step, which is one read transaction: the copy is of one moment, however much is written meanwhile. */
const ALL_PAGES = 0x7fffffff;

/**
 * Copies the catalog in a file to another file, while services work on it. The copy is whole, of one moment, checked and
 * durable before it has its name.
 * @returns its size in bytes
 * @throws Fault CONFIGURATION_INVALID for a source that is no catalog; CONFLICT when `to` exists; STORAGE_FULL
 */
export async function backupSqlite(source: { readonly file: string }, to: string): Promise<number> {
  const from = resolve(source.file);
  const place = resolve(to);
  await mustBeThere(from);
  const part = `${place}.${randomBytes(6).toString('hex')}.part`;
  const sqlite = await openFile(from, false, (opened) => opened);
  try {
    await (await open(part, 'wx', 0o600)).close();
    await backup(sqlite, part, { rate: ALL_PAGES });
    check(part);
    const sizeBytes = await sync(part);
    await link(part, place); // unlike a rename, it never replaces anything
    await sync(dirname(place));
    return sizeBytes;
  } catch (error) {
    throw backupFault(error, from, place);
  } finally {
    sqlite.close();
    for (const file of [part, `${part}-wal`, `${part}-shm`]) await rm(file, { force: true });
  }
}

async function mustBeThere(file: string): Promise<void> {
  try {
    await (await open(file, 'r')).close();
  } catch (cause) {
    throw unusableFile(file, 'can not be read: name the file of a catalog', cause);
  }
}

/** A copy that can't be restored is worse than none. */
function check(part: string): void {
  using copy = new DatabaseSync(part);
  const [first] = copy.prepare('PRAGMA quick_check(1)').all();
  if (first?.['quick_check'] !== 'ok') {
    throw new Fault('UNAVAILABLE', `the copy is damaged (${String(first?.['quick_check'])})`);
  }
  copy.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // all of it stands in the one file
}

/** Waits until a file, or a folder's names, are on the disk. @returns the file's size in bytes */
async function sync(place: string): Promise<number> {
  const handle = await open(place, 'r');
  try {
    await handle.sync();
    return (await handle.stat()).size;
  } finally {
    await handle.close();
  }
}

function backupFault(error: unknown, from: string, place: string): unknown {
  if (!(error instanceof Error && 'code' in error) || error instanceof Fault)
    return catalogFault(error, from);
  if (error.code === 'EEXIST') {
    return new Fault('CONFLICT', `${place} is there already: name a new file, as a backup replaces none`, {
      file: place,
    });
  }
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') {
    return new Fault(
      'REQUEST_INVALID',
      `${place} can not be written (${error.message}): name a file in a folder that is there`,
      { file: place },
      { cause: error },
    );
  }
  return catalogFault(error, from);
}
