import { asFault, Fault } from '@gantry/oci';

/** What an SQLite call threw, by the primary result code (https://www.sqlite.org/rescode.html). */
export type SqliteFailure = 'locked' | 'full' | 'damaged' | 'unusable' | 'other';

const FAILURES: ReadonlyMap<number, SqliteFailure> = new Map([
  [5, 'locked'], // SQLITE_BUSY
  [6, 'locked'], // SQLITE_LOCKED
  [8, 'unusable'], // SQLITE_READONLY
  [10, 'unusable'], // SQLITE_IOERR
  [11, 'damaged'], // SQLITE_CORRUPT
  [13, 'full'], // SQLITE_FULL
  [14, 'unusable'], // SQLITE_CANTOPEN
  [26, 'damaged'], // SQLITE_NOTADB
]);

/** Which failure of SQLite `error` is; undefined when it is none. */
export function sqliteFailure(error: unknown): SqliteFailure | undefined {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return undefined;
  return FAILURES.get(error.errcode & 0xff) ?? 'other'; // the upper bits are the extended code
}

/** The fault of a failed read or write of the open catalog `file`. What is not the file's fault comes back as it is. */
export function catalogFault(error: unknown, file: string): unknown {
  const details = { file };
  const options = { cause: error };
  const said = error instanceof Error ? error.message : String(error);
  switch (sqliteFailure(error)) {
    case 'locked':
      return new Fault('UNAVAILABLE', `another process keeps the catalog ${file} locked`, details, options);
    case 'full':
      return new Fault('STORAGE_FULL', `no space left for the catalog ${file}`, details, options);
    case 'damaged':
      return new Fault(
        'UNAVAILABLE',
        `the catalog ${file} is damaged (${said}): stop Gantry and restore it from a backup`,
        details,
        options,
      );
    case 'unusable':
      return new Fault(
        'UNAVAILABLE',
        `the catalog ${file} can not be read or written (${said}): look at its disk and its mode`,
        details,
        options,
      );
    default:
      return error;
  }
}

/** The fault of a `catalog.sqlite.file` that can not be opened. What is not the file's fault comes back as it is. */
export function openingFault(error: unknown, file: string): unknown {
  if (!(error instanceof Error && 'code' in error) || error instanceof Fault) return error;
  switch (sqliteFailure(error)) {
    case 'locked':
    case 'full':
      return catalogFault(error, file);
    case 'damaged':
    case 'other': // a table or a column is missing
      return unusableFile(
        file,
        `is no catalog, or a damaged one (${error.message}): restore it from a backup, or name another file`,
        error,
      );
    default:
  }
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return asFault(error);
  return unusableFile(
    file,
    `can not be opened (${error.message}): name a file in a folder that Gantry's user may write to`,
    error,
  );
}

/** A fault of the configuration: what is wrong with the file that `catalog.sqlite.file` names, and what to do. */
export function unusableFile(file: string, what: string, cause?: unknown): Fault {
  return new Fault('CONFIGURATION_INVALID', `catalog.sqlite.file: ${file} ${what}`, { file }, { cause });
}
