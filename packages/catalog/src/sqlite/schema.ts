import type { DatabaseSync } from 'node:sqlite';
import { unusableFile } from './failures.ts';
import { MIGRATIONS } from './migrations.ts';

/** Stands in the file's header (`PRAGMA application_id`): "Gcat". */
const APPLICATION_ID = 0x47636174;

/** Stands there instead while a catalog is being filled as a whole: "Gcop". No Gantry takes such a file for a catalog. */
const HALF_FILLED_ID = 0x47636f70;

/** @throws Fault CONFIGURATION_INVALID for a file that holds something else, or a schema that only a newer Gantry knows */
export function mustBeOurs(
  sqlite: DatabaseSync,
  file: string,
  steps: readonly string[] = MIGRATIONS,
  mayBeHalfFilled = false,
): void {
  const { application, version, objects } = inTransaction(sqlite, 'BEGIN', () => ({
    application: pragma(sqlite, 'application_id'),
    version: pragma(sqlite, 'user_version'),
    objects: sqlite.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'],
  }));
  const empty = application === 0 && version === 0 && objects === 0;
  if (application === HALF_FILLED_ID) {
    if (!mayBeHalfFilled) {
      throw unusableFile(
        file,
        'is half filled, by a copy or a rebuild that did not come to its end: make that again, which starts anew, or name another file',
      );
    }
  } else if (application !== APPLICATION_ID && !empty) {
    throw unusableFile(file, "is the database of another program: name a file of the catalog's own");
  }
  mustBeKnown(version, file, steps);
}

/**
 * Brings the file to the newest schema: all steps or none. Right also when another process does it at the same time.
 * @throws Fault CONFIGURATION_INVALID when a newer Gantry was faster
 */
export function migrate(sqlite: DatabaseSync, file: string, steps: readonly string[] = MIGRATIONS): void {
  if (pragma(sqlite, 'user_version') === steps.length) return;
  inTransaction(sqlite, 'BEGIN IMMEDIATE', () => {
    const version = pragma(sqlite, 'user_version');
    mustBeKnown(version, file, steps); // another process may just have raised it
    for (const step of steps.slice(version)) sqlite.exec(step);
    if (pragma(sqlite, 'application_id') === 0) markAs(sqlite, 'whole');
    sqlite.exec(`PRAGMA user_version = ${steps.length}`);
  });
}

/** Whether the file is marked as half filled. */
export function isHalfFilled(sqlite: DatabaseSync): boolean {
  return pragma(sqlite, 'application_id') === HALF_FILLED_ID;
}

/** Marks the file; in a transaction with all else of it. */
export function markAs(sqlite: DatabaseSync, what: 'whole' | 'half filled'): void {
  sqlite.exec(`PRAGMA application_id = ${what === 'whole' ? APPLICATION_ID : HALF_FILLED_ID}`);
}

function mustBeKnown(version: number, file: string, steps: readonly string[]): void {
  if (version <= steps.length) return;
  throw unusableFile(
    file,
    `was written by a newer Gantry (its schema is version ${version}, this one knows up to ${steps.length}): run that Gantry, or name another file`,
  );
}

/** Does the work between `begin` and COMMIT; what throws is rolled back and thrown on. */
export function inTransaction<T>(sqlite: DatabaseSync, begin: string, work: () => T): T {
  sqlite.exec(begin);
  try {
    const result = work();
    sqlite.exec('COMMIT');
    return result;
  } catch (error) {
    if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
    throw error;
  }
}

function pragma(sqlite: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return sqlite.prepare(`PRAGMA ${name}`).get()?.[name] as number;
}
