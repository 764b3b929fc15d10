import type { SQLInputValue } from 'node:sqlite';
import type { Task } from '../records.ts';
import type { CatalogEntry, CatalogNoun } from '../transfer.ts';
import { auditRow, INSERT_AUDIT } from './audit.ts';
import { documentIn } from './documents.ts';
import { READ_ONLY } from './modes.ts';
import { readPoolObject } from './pool.ts';
import { PROMOTION_COLUMNS, readPromotion } from './promotions.ts';
import { readReport } from './reports.ts';
import { NO_SCENARIO } from './results.ts';
import { readRetraction } from './retractions.ts';

/** How a noun stands in the file. */
interface Stored<Noun extends CatalogNoun> {
  readonly table: string;
  /** Gives the rows in the order of a dump. */
  readonly select: string;
  readonly read: (row: never) => RecordOf<Noun>;
  readonly insert: string;
  readonly values: (record: RecordOf<Noun>) => SQLInputValue[];
}
type RecordOf<Noun extends CatalogNoun> = Extract<CatalogEntry, { noun: Noun }>['record'];

/** The record of a noun that is nothing but its document. */
const document = (row: object) => documentIn(row) as never;

/** Every noun of a catalog, as rows of its table. */
export const STORED: { readonly [Noun in CatalogNoun]: Stored<Noun> } = {
  manifests: {
    table: 'manifests',
    select: 'SELECT document FROM manifests ORDER BY digest',
    read: document,
    insert: 'INSERT INTO manifests (digest, document) VALUES (?, ?)',
    values: (record) => [record.digest, JSON.stringify(record)],
  },
  candidates: {
    table: 'candidates',
    select: 'SELECT document FROM candidates ORDER BY sequence',
    read: document,
    insert: `
      INSERT INTO candidates (source, source_repository, repository, tag, digest, synced_at, kept, document)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    values: (record) => [
      record.source,
      record.sourceRepository,
      record.repository,
      record.tag,
      record.digest,
      record.syncedAt,
      record.collectedAt === undefined ? 1 : 0,
      JSON.stringify(record),
    ],
  },
  failures: {
    table: 'failures',
    select: 'SELECT document FROM failures ORDER BY source, source_repository, tag',
    read: document,
    insert: `
      INSERT INTO failures (source, source_repository, tag, retry_at, document) VALUES (?, ?, ?, ?, ?)`,
    values: (record) => [
      record.source,
      record.sourceRepository,
      record.tag ?? '',
      record.retryAt,
      JSON.stringify(record),
    ],
  },
  channels: {
    table: 'channel_tags',
    select: 'SELECT document FROM channel_tags ORDER BY channel, repository, tag',
    read: document,
    insert: `
      INSERT INTO channel_tags (channel, repository, tag, digest, promoted_at, document)
      VALUES (?, ?, ?, ?, ?, ?)`,
    values: (record) => [
      record.channel,
      record.repository,
      record.tag,
      record.digest,
      record.promotedAt,
      JSON.stringify(record),
    ],
  },
  plans: {
    table: 'plans',
    select: 'SELECT document FROM plans ORDER BY id',
    read: document,
    insert: 'INSERT INTO plans (id, expires_at, document) VALUES (?, ?, ?)',
    values: (record) => [record.id, record.expiresAt, JSON.stringify(record)],
  },
  promotions: {
    table: 'promotions',
    select: `SELECT ${PROMOTION_COLUMNS} FROM promotions ORDER BY sequence`,
    read: readPromotion,
    insert: `
      INSERT INTO promotions (sequence, id, revision, state, channel, idempotency_key, created_at, document)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    values: (record) => [
      record.sequence,
      record.id,
      record.revision,
      record.state,
      record.to,
      record.idempotency?.key ?? null,
      record.createdAt,
      JSON.stringify(record),
    ],
  },
  retractions: {
    table: 'retractions',
    select: 'SELECT * FROM retractions ORDER BY channel, repository, tag',
    read: readRetraction,
    insert: `
      INSERT INTO retractions (channel, repository, tag, promotion, sequence) VALUES (?, ?, ?, ?, ?)`,
    values: ({ channel, repository, tag, promotion, sequence }) => [
      channel,
      repository,
      tag,
      promotion,
      sequence,
    ],
  },
  results: {
    table: 'results',
    select: 'SELECT document FROM results ORDER BY sequence',
    read: document,
    insert: `
      INSERT INTO results (id, digest, testcase, source, scenario, outcome, submitted_at, document)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    values: (record) => [
      record.id,
      record.digest,
      record.testcase,
      record.source,
      record.scenario ?? NO_SCENARIO,
      record.outcome,
      record.submittedAt,
      JSON.stringify(record),
    ],
  },
  reports: {
    table: 'reports',
    select: 'SELECT document, findings FROM reports ORDER BY sequence',
    read: readReport,
    insert: `
      INSERT INTO reports (id, digest, source, submitted_at, document, findings) VALUES (?, ?, ?, ?, ?, ?)`,
    values: ({ findings, ...summary }) => [
      summary.id,
      summary.digest,
      summary.source,
      summary.submittedAt,
      JSON.stringify(summary),
      JSON.stringify(findings),
    ],
  },
  waivers: {
    table: 'waivers',
    select: 'SELECT document FROM waivers ORDER BY sequence',
    read: document,
    insert: `
      INSERT INTO waivers (id, channel, digest, created_at, expires_at, revoked, document)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    values: (record) => [
      record.id,
      record.channel,
      record.digest,
      record.createdAt,
      record.expiresAt,
      record.revoked === undefined ? 0 : 1,
      JSON.stringify(record),
    ],
  },
  publications: {
    table: 'publications',
    select: 'SELECT document FROM publications ORDER BY tree, serial',
    read: document,
    insert: 'INSERT INTO publications (tree, serial, document) VALUES (?, ?, ?)',
    values: (record) => [record.tree, record.serial, JSON.stringify(record)],
  },
  confirmations: {
    table: 'confirmations',
    select: 'SELECT document FROM confirmations ORDER BY tree, serial, mirror',
    read: document,
    insert: 'INSERT INTO confirmations (tree, serial, mirror, document) VALUES (?, ?, ?, ?)',
    values: (record) => [record.tree, record.serial, record.mirror, JSON.stringify(record)],
  },
  mirrors: {
    table: 'mirrors',
    select: 'SELECT document FROM mirrors ORDER BY tree, mirror',
    read: document,
    insert: 'INSERT INTO mirrors (tree, mirror, document) VALUES (?, ?, ?)',
    values: (record) => [record.tree, record.mirror, JSON.stringify(record)],
  },
  pool: {
    table: 'pool',
    select: 'SELECT tree, path, size, sha256, since, condemned FROM pool ORDER BY tree, path',
    read: (row: { tree: string }) => ({ tree: row.tree, ...readPoolObject(row) }),
    insert: 'INSERT INTO pool (tree, path, size, sha256, since, condemned) VALUES (?, ?, ?, ?, ?, ?)',
    values: ({ tree, path, size, sha256, since, condemned }) => [
      tree,
      path,
      size,
      sha256,
      since,
      condemned ?? null,
    ],
  },
  poolSerials: {
    table: 'pool_serials',
    select: 'SELECT tree, serial FROM pool_serials ORDER BY tree',
    read: ({ tree, serial }: RecordOf<'poolSerials'>) => ({ tree, serial }),
    insert: 'INSERT INTO pool_serials (tree, serial) VALUES (?, ?)',
    values: ({ tree, serial }) => [tree, serial],
  },
  garbage: {
    table: 'garbage',
    select: 'SELECT digest, size, at, state FROM garbage ORDER BY digest',
    read: ({ digest, size, at, state }: RecordOf<'garbage'>) => ({ digest, size, at, state }),
    insert: 'INSERT INTO garbage (digest, size, at, state) VALUES (?, ?, ?, ?)',
    values: ({ digest, size, at, state }) => [digest, size, at, state],
  },
  tasks: {
    table: 'tasks',
    select: 'SELECT revision, document FROM tasks ORDER BY sequence',
    read: (row: { revision: number }) => ({ ...(documentIn(row) as Task), revision: row.revision }),
    insert: `
      INSERT INTO tasks (id, revision, state, kind, created_at, document) VALUES (?, ?, ?, ?, ?, ?)`,
    values: (record) => [
      record.id,
      record.revision,
      record.state,
      record.kind,
      record.createdAt,
      JSON.stringify(record),
    ],
  },
  leases: {
    table: 'leases',
    select: 'SELECT name, fence FROM leases ORDER BY name',
    read: ({ name, fence }: RecordOf<'leases'>) => ({ name, fence }),
    insert: `
      INSERT INTO leases (name, holder, fence, expires_at_ms) VALUES (?, NULL, ?, 0)
      ON CONFLICT (name) DO UPDATE SET fence = max(fence, excluded.fence)`,
    values: ({ name, fence }) => [name, fence],
  },
  tokens: {
    table: 'tokens',
    select: 'SELECT document FROM tokens ORDER BY sequence',
    read: document,
    insert: 'INSERT INTO tokens (id, name, revoked, created_at, document) VALUES (?, ?, ?, ?, ?)',
    values: (record) => [
      record.id,
      record.name,
      record.revoked === undefined ? 0 : 1,
      record.createdAt,
      JSON.stringify(record),
    ],
  },
  audit: {
    table: 'audit',
    select: 'SELECT document FROM audit ORDER BY sequence',
    read: document,
    insert: INSERT_AUDIT,
    values: auditRow,
  },
  modes: {
    table: 'modes',
    select: 'SELECT document FROM modes ORDER BY name',
    read: document,
    insert: 'INSERT INTO modes (name, document) VALUES (?, ?)',
    values: (record) => [READ_ONLY, JSON.stringify(record)],
  },
  purges: {
    table: 'purges',
    select: 'SELECT document FROM purges ORDER BY sequence',
    read: document,
    insert: 'INSERT INTO purges (digest, at, document) VALUES (?, ?, ?)',
    values: (record) => [record.digest, record.at, JSON.stringify(record)],
  },
  outbox: {
    table: 'outbox',
    select: 'SELECT stored_at, document FROM outbox ORDER BY stored_at, place',
    read: (row: { stored_at: string }) => ({ event: document(row), storedAt: row.stored_at }),
    insert: 'INSERT INTO outbox (id, stored_at, document) VALUES (?, ?, ?)',
    values: ({ event, storedAt }) => [event.id, storedAt, JSON.stringify(event)],
  },
};
