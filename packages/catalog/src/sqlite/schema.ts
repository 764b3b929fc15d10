import type { DatabaseSync } from 'node:sqlite';
import { unusableFile } from './failures.ts';

/** Stands in the file's header (`PRAGMA application_id`): "Gcat". */
const APPLICATION_ID = 0x47636174;

/** Stands there instead while a catalog is being filled as a whole: "Gcop". No Gantry takes such a file for a catalog. */
const HALF_FILLED_ID = 0x47636f70;

/**
 * What brings a catalog from each schema version to the next, from an empty file on. `PRAGMA user_version` says how many
 * of them a file has behind it. A step that has been released is never changed.
 *
 * A record stands whole in `document`, as JSON; beside it stands what queries need. `place` is `sequence` under another
 * name: a range such as `(synced_at, place) < (…, …)` goes along an index only if no column of it is the rowid.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE manifests (digest TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;

  CREATE TABLE candidates (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    source TEXT NOT NULL,
    source_repository TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    synced_at TEXT NOT NULL,
    document TEXT NOT NULL,
    UNIQUE (repository, tag, digest, source)
  ) STRICT;
  CREATE INDEX candidates_newest ON candidates (repository, tag);
  CREATE INDEX candidates_of_source ON candidates (source, source_repository, tag);
  CREATE INDEX candidates_list ON candidates (synced_at, place);
  CREATE INDEX candidates_list_repository ON candidates (repository, synced_at, place);
  CREATE INDEX candidates_list_tag ON candidates (tag, synced_at, place);
  CREATE INDEX candidates_list_digest ON candidates (digest, synced_at, place);
  CREATE INDEX candidates_list_repository_tag ON candidates (repository, tag, synced_at, place);
  CREATE INDEX candidates_list_repository_digest ON candidates (repository, digest, synced_at, place);

  CREATE TABLE channel_tags (
    channel TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    promoted_at TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (channel, repository, tag)
  ) STRICT;
  CREATE INDEX channel_tags_digest ON channel_tags (channel, repository, digest, promoted_at);

  CREATE TABLE promotions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    channel TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    created_at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX promotions_list ON promotions (created_at, place);
  CREATE INDEX promotions_list_state ON promotions (state, created_at, place);
  CREATE INDEX promotions_list_channel ON promotions (channel, created_at, place);
  CREATE INDEX promotions_list_state_channel ON promotions (state, channel, created_at, place);

  CREATE TABLE publications (
    tree TEXT NOT NULL,
    serial INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tree, serial)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE pool (
    tree TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (tree, path)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE pool_serials (tree TEXT PRIMARY KEY, serial INTEGER NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE tasks (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    created_at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX tasks_list ON tasks (created_at, place);
  CREATE INDEX tasks_list_state ON tasks (state, created_at, place);
  CREATE INDEX tasks_list_kind ON tasks (kind, created_at, place);
  CREATE INDEX tasks_list_state_kind ON tasks (state, kind, created_at, place);

  -- A lease that was given back stays, with no holder: the next fence counts on from its own.
  CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT,
    fence INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- A failure of a repository as a whole has an empty tag.
  CREATE TABLE failures (
    source TEXT NOT NULL,
    source_repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    retry_at TEXT,
    document TEXT NOT NULL,
    PRIMARY KEY (source, source_repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX failures_due ON failures (source, retry_at) WHERE retry_at IS NOT NULL;
  `,
  `
  CREATE TABLE outbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL,
    stored_at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX outbox_pending ON outbox (stored_at, place);
  CREATE INDEX outbox_id ON outbox (id);

  CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    service TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    version TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seen_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX workers_list ON workers (service, started_at, id);
  CREATE INDEX workers_expired ON workers (expires_at_ms);
  `,
];

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
