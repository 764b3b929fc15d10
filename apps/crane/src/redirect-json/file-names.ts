import type { Reader } from '../private/reader.ts';
import { mayReadFile } from './may-read-file.ts';
import type { PathsFile } from './redirect-file.ts';
import type { RepositoryTable } from './repository-table.ts';

/**
 * The names of today's API that somebody may read, sorted. They are gone through once for each state of the table and each
 * reader that is the same one as before, as all are who show no credentials.
 */
export function createFileNames(table: RepositoryTable): (reader: Reader) => readonly string[] {
  let sorted: { readonly changes: number; readonly files: readonly PathsFile[] } | undefined;
  let known = new WeakMap<Reader, readonly string[]>();
  return (reader) => {
    if (sorted?.changes !== table.changes) {
      const files = [...table.allPaths()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      sorted = { changes: table.changes, files };
      known = new WeakMap();
    }
    const { files } = sorted;
    return known.getOrInsertComputed(reader, () =>
      files.filter((file) => mayReadFile(reader, file)).map(({ name }) => name),
    );
  };
}
