import { Fault } from '@gantry/oci';

/** What an SQLite call threw, by the primary result code (https://www.sqlite.org/rescode.html). */
export function sqliteFailure(error: unknown): 'locked' | 'full' | 'other' | undefined {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return undefined;
  const primary = error.errcode & 0xff; // the upper bits are the extended code
  if (primary === 5 || primary === 6) return 'locked'; // SQLITE_BUSY, SQLITE_LOCKED
  return primary === 13 ? 'full' : 'other'; // SQLITE_FULL
}

/** The fault of a failed read or write of the open queues. */
export function messagesFault(error: unknown, file: string): Fault {
  if (error instanceof Fault) return error;
  const options = { cause: error };
  switch (sqliteFailure(error)) {
    case 'locked':
      return new Fault(
        'UNAVAILABLE',
        `another process keeps the message queues ${file} locked`,
        { file },
        options,
      );
    case 'full':
      return new Fault(
        'STORAGE_FULL',
        `no space left for the message queues ${file}`,
        { path: file },
        options,
      );
    default: {
      const said = error instanceof Error ? error.message : String(error);
      return new Fault(
        'UNAVAILABLE',
        `the message queues ${file} can not be read or written (${said}): look at its disk, its mode and its content`,
        { file },
        options,
      );
    }
  }
}

/** The fault of a `messages.embedded.file` that can't be opened. */
export function openingFault(error: unknown, file: string): Fault {
  if (error instanceof Fault) return error;
  const failure = sqliteFailure(error);
  if (failure === 'locked' || failure === 'full') return messagesFault(error, file);
  if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
    return new Fault('STORAGE_FULL', `no space left for ${file}`, { path: file }, { cause: error });
  }
  const said = error instanceof Error ? error.message : String(error);
  return unusableFile(
    file,
    `can not be opened (${said}): name a file, new or made by Gantry, in a folder that Gantry's user may write to`,
    error,
  );
}

/** A fault of the configuration: what is wrong with the file that it names, and what would be right. */
export function unusableFile(file: string, what: string, cause?: unknown): Fault {
  return new Fault(
    'CONFIGURATION_INVALID',
    `messages.embedded.file: ${file} ${what}`,
    { key: 'messages.embedded.file', file },
    { cause },
  );
}
