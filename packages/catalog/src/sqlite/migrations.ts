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
  `
  -- Where a digest is named: triggers keep these tables as their records are, whoever writes those. No statement may
  -- put such a record with OR REPLACE, which takes the former row away behind the triggers' back.
  CREATE TABLE manifest_names (
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    named_as TEXT NOT NULL,
    PRIMARY KEY (digest, manifest, named_as)
  ) STRICT, WITHOUT ROWID;
  CREATE VIEW names_in_manifests (digest, manifest, named_as) AS
    SELECT value, manifests.digest, 'manifest' FROM manifests CROSS JOIN json_each(document, '$.manifests')
    UNION ALL
    SELECT value ->> 'digest', manifests.digest, 'blob' FROM manifests CROSS JOIN json_each(document, '$.blobs')
    UNION ALL
    SELECT document ->> 'subject', digest, 'subject' FROM manifests WHERE document ->> 'subject' IS NOT NULL;
  CREATE TRIGGER manifests_put AFTER INSERT ON manifests BEGIN
    INSERT OR IGNORE INTO manifest_names
      SELECT digest, manifest, named_as FROM names_in_manifests WHERE manifest = NEW.digest;
  END;
  CREATE TRIGGER manifests_taken BEFORE DELETE ON manifests BEGIN
    DELETE FROM manifest_names WHERE manifest = OLD.digest
      AND digest IN (SELECT digest FROM names_in_manifests WHERE manifest = OLD.digest);
  END;
  INSERT OR IGNORE INTO manifest_names
    SELECT digest, manifest, named_as FROM names_in_manifests ORDER BY digest, manifest, named_as;

  CREATE TABLE candidate_digests (
    digest TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    candidate TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (digest, repository, tag, candidate, source)
  ) STRICT, WITHOUT ROWID;
  CREATE VIEW digests_in_candidates (digest, repository, tag, candidate, source) AS
    SELECT digest, repository, tag, digest, source FROM candidates
    UNION ALL
    SELECT value ->> 'digest', repository, tag, digest, source
    FROM candidates CROSS JOIN json_each(document, '$.companions')
    UNION ALL
    SELECT value, repository, tag, digest, source FROM candidates CROSS JOIN json_each(document, '$.referrers');
  CREATE TRIGGER candidates_put AFTER INSERT ON candidates BEGIN
    INSERT OR IGNORE INTO candidate_digests
      SELECT digest, repository, tag, candidate, source FROM digests_in_candidates
      WHERE (repository, tag, candidate, source) = (NEW.repository, NEW.tag, NEW.digest, NEW.source);
  END;
  CREATE TRIGGER candidates_taken BEFORE DELETE ON candidates BEGIN
    DELETE FROM candidate_digests
      WHERE (repository, tag, candidate, source) = (OLD.repository, OLD.tag, OLD.digest, OLD.source)
      AND digest IN (
        SELECT digest FROM digests_in_candidates
        WHERE (repository, tag, candidate, source) = (OLD.repository, OLD.tag, OLD.digest, OLD.source)
      );
  END;
  INSERT OR IGNORE INTO candidate_digests
    SELECT digest, repository, tag, candidate, source FROM digests_in_candidates
    ORDER BY digest, repository, tag, candidate, source;

  CREATE TABLE channel_tag_digests (
    digest TEXT NOT NULL,
    channel TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (digest, channel, repository, tag)
  ) STRICT, WITHOUT ROWID;
  CREATE VIEW digests_in_channel_tags (digest, channel, repository, tag) AS
    SELECT digest, channel, repository, tag FROM channel_tags
    UNION ALL
    SELECT value ->> 'digest', channel, repository, tag
    FROM channel_tags CROSS JOIN json_each(document, '$.companions')
    UNION ALL
    SELECT value, channel, repository, tag FROM channel_tags CROSS JOIN json_each(document, '$.referrers');
  CREATE TRIGGER channel_tags_put AFTER INSERT ON channel_tags BEGIN
    INSERT OR IGNORE INTO channel_tag_digests
      SELECT digest, channel, repository, tag FROM digests_in_channel_tags
      WHERE (channel, repository, tag) = (NEW.channel, NEW.repository, NEW.tag);
  END;
  CREATE TRIGGER channel_tags_taken BEFORE DELETE ON channel_tags BEGIN
    DELETE FROM channel_tag_digests
      WHERE (channel, repository, tag) = (OLD.channel, OLD.repository, OLD.tag)
      AND digest IN (
        SELECT digest FROM digests_in_channel_tags
        WHERE (channel, repository, tag) = (OLD.channel, OLD.repository, OLD.tag)
      );
  END;
  INSERT OR IGNORE INTO channel_tag_digests
    SELECT digest, channel, repository, tag FROM digests_in_channel_tags ORDER BY digest, channel, repository, tag;

  -- A promotion's idempotency key stands in its column; one that has none there has none, whatever its document says.
  CREATE INDEX promotions_keyed ON promotions (created_at) WHERE idempotency_key IS NOT NULL;

  CREATE TABLE plans (id TEXT PRIMARY KEY, expires_at TEXT NOT NULL, document TEXT NOT NULL) STRICT;
  CREATE INDEX plans_expired ON plans (expires_at);

  -- A result without a scenario has an empty one.
  CREATE TABLE results (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    testcase TEXT NOT NULL,
    source TEXT NOT NULL,
    scenario TEXT NOT NULL,
    outcome TEXT NOT NULL,
    submitted_at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX results_latest ON results (digest, source, testcase, scenario, submitted_at, place);
  CREATE INDEX results_list ON results (submitted_at, place);
  CREATE INDEX results_list_outcome ON results (outcome, submitted_at, place);
  CREATE INDEX results_list_source ON results (source, submitted_at, place);
  CREATE INDEX results_list_source_outcome ON results (source, outcome, submitted_at, place);
  CREATE INDEX results_list_testcase ON results (testcase, submitted_at, place);
  CREATE INDEX results_list_testcase_outcome ON results (testcase, outcome, submitted_at, place);
  CREATE INDEX results_list_digest ON results (digest, submitted_at, place);

  -- The findings stand behind all else, so that a list does not read them.
  CREATE TABLE reports (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    submitted_at TEXT NOT NULL,
    document TEXT NOT NULL,
    findings TEXT NOT NULL
  ) STRICT;
  CREATE INDEX reports_list ON reports (submitted_at, place);
  CREATE INDEX reports_list_source ON reports (source, submitted_at, place);
  CREATE INDEX reports_list_digest ON reports (digest, submitted_at, place);
  CREATE INDEX reports_list_digest_source ON reports (digest, source, submitted_at, place);

  CREATE TABLE waivers (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    revoked INTEGER NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX waivers_list ON waivers (created_at, place);
  CREATE INDEX waivers_list_channel ON waivers (channel, created_at, place);
  CREATE INDEX waivers_list_digest ON waivers (digest, created_at, place);
  CREATE INDEX waivers_list_channel_digest ON waivers (channel, digest, created_at, place);

  CREATE TABLE tokens (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    revoked INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked = 0;
  CREATE INDEX tokens_list ON tokens (created_at, place);

  -- The clock is the latest time up to an entry: it rises with the sequence, whosever clock is behind. So it tells from
  -- which entry on there may be some that are not before a time.
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    at TEXT NOT NULL,
    clock TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_clock ON audit (clock);
  CREATE INDEX audit_list_action ON audit (action);
  CREATE INDEX audit_list_actor ON audit (actor);
  CREATE INDEX audit_list_actor_action ON audit (actor, action);

  CREATE TABLE modes (name TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE purges (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    place INTEGER AS (sequence),
    digest TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    document TEXT NOT NULL
  ) STRICT;
  CREATE INDEX purges_list ON purges (at, place);

  CREATE TABLE retractions (
    channel TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    promotion TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (channel, repository, tag)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Since when nothing retained is known to reach an object; NULL: something does.
  ALTER TABLE pool ADD COLUMN condemned TEXT;
  CREATE INDEX pool_condemned ON pool (tree, condemned, path) WHERE condemned IS NOT NULL;

  -- 1: its content is here; 0: it was given up. Lists have the former alone, however many of the latter there are.
  ALTER TABLE candidates ADD COLUMN kept INTEGER NOT NULL DEFAULT 1;
  DROP INDEX candidates_list;
  DROP INDEX candidates_list_repository;
  DROP INDEX candidates_list_tag;
  DROP INDEX candidates_list_digest;
  DROP INDEX candidates_list_repository_tag;
  DROP INDEX candidates_list_repository_digest;
  CREATE INDEX candidates_list ON candidates (kept, synced_at, place);
  CREATE INDEX candidates_list_repository ON candidates (repository, kept, synced_at, place);
  CREATE INDEX candidates_list_tag ON candidates (tag, kept, synced_at, place);
  CREATE INDEX candidates_list_digest ON candidates (digest, kept, synced_at, place);
  CREATE INDEX candidates_list_repository_tag ON candidates (repository, tag, kept, synced_at, place);
  CREATE INDEX candidates_list_repository_digest ON candidates (repository, digest, kept, synced_at, place);

  CREATE TABLE garbage (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    at TEXT NOT NULL,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX garbage_list ON garbage (at, digest);
  CREATE INDEX garbage_list_state ON garbage (state, at, digest);

  -- The newest serial has the least rank: so one index is in the order of the list, and a range goes along it.
  CREATE TABLE confirmations (
    tree TEXT NOT NULL,
    serial INTEGER NOT NULL,
    mirror TEXT NOT NULL,
    rank INTEGER AS (-serial),
    document TEXT NOT NULL,
    PRIMARY KEY (tree, serial, mirror)
  ) STRICT;
  CREATE INDEX confirmations_list ON confirmations (tree, rank, mirror);

  CREATE TABLE mirrors (
    tree TEXT NOT NULL,
    mirror TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (tree, mirror)
  ) STRICT, WITHOUT ROWID;
  `,
];
