/**
 * The errors that say that a file is not there, or that no file can have such a name, as one with a NUL. All others (EACCES,
 * EMFILE, EIO, ESTALE) say that nobody knows.
 */
const ABSENCES: ReadonlySet<string | undefined> = new Set([
  'ENOENT',
  'ENOTDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ERR_INVALID_ARG_VALUE',
]);

/** Whether an error of a look at a file says that there is none. */
export function saysAbsent(error: unknown): boolean {
  return ABSENCES.has((error as NodeJS.ErrnoException).code);
}
