import type { Candidates } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Candidate } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';
import { eventKeeper } from './outbox.ts';

export function sqliteCandidates(database: Database): Candidates {
  const remove = database.prepare(
    'DELETE FROM candidates WHERE repository = :repository AND tag = :tag AND digest = :digest AND source = :source',
  );
  // The new row has the highest sequence of all.
  const insert = database.prepare(`
    INSERT INTO candidates (source, source_repository, repository, tag, digest, synced_at, document)
    VALUES (:source, :sourceRepository, :repository, :tag, :digest, :syncedAt, :document)
  `);
  const current = database.prepare(
    'SELECT document FROM candidates WHERE repository = ? AND tag = ? ORDER BY sequence DESC LIMIT 1',
  );
  const newestSequence = database.prepare(
    'SELECT sequence FROM candidates WHERE repository = ? AND tag = ? ORDER BY sequence DESC LIMIT 1',
  );
  const lastSequence = database.prepare('SELECT max(sequence) AS sequence FROM candidates');
  const byDigest = database.prepare(
    'SELECT document FROM candidates WHERE repository = ? AND digest = ? ORDER BY kept DESC, synced_at DESC, place DESC LIMIT 1',
  );
  const currentOf = database.prepare(`
    SELECT document FROM candidates WHERE sequence IN
      (SELECT max(sequence) FROM candidates WHERE source = ? AND source_repository = ? GROUP BY tag)
  `);
  const newestOf = database.prepare(`
    SELECT sequence, document FROM candidates WHERE source = ? AND source_repository = ? AND tag = ?
    ORDER BY sequence DESC LIMIT 1
  `);
  const keptOne = database.prepare(`
    SELECT sequence, document FROM candidates
    WHERE repository = :repository AND tag = :tag AND digest = :digest AND source = :source AND kept = 1
  `);
  const setCollected = database.prepare('UPDATE candidates SET kept = 0, document = ? WHERE sequence = ?');
  const setDocument = database.prepare('UPDATE candidates SET document = ? WHERE sequence = ?');
  const sourceOf = database.prepare(
    'SELECT source, source_repository FROM candidates WHERE repository = ? ORDER BY kept DESC, synced_at DESC, place DESC LIMIT 1',
  );
  const holding = database.prepare(`
    SELECT document, held.repository, held.tag, held.candidate, held.source
    FROM candidate_digests AS held CROSS JOIN candidates
    ON (candidates.repository, candidates.tag, candidates.digest, candidates.source)
      = (held.repository, held.tag, held.candidate, held.source)
    WHERE held.digest = ? AND (held.repository, held.tag, held.candidate, held.source) > (?, ?, ?, ?)
    ORDER BY held.repository, held.tag, held.candidate, held.source LIMIT ?
  `);
  const cursors = cursorsOf('candidates-holding', ['string', 'string', 'string', 'string']);
  const keepEvents = eventKeeper(database);
  const list = newestFirst(database, {
    name: 'candidates',
    columns: 'document',
    time: 'synced_at',
    filters: ['repository', 'tag', 'digest'],
    indexes: [[], ['repository'], ['tag'], ['digest'], ['repository', 'tag'], ['repository', 'digest']],
    item: read,
    only: 'kept = 1',
  });

  return {
    async put(put, events = [], turn = Infinity) {
      const { collectedAt: _, ...candidate } = put;
      const { source, sourceRepository, repository, tag, digest, syncedAt } = candidate;
      const document = JSON.stringify(candidate);
      const row = { source, sourceRepository, repository, tag, digest, syncedAt, document };
      await database.write(() => {
        const newest = newestSequence.get(repository, tag) as { sequence: number } | undefined;
        if (newest !== undefined && newest.sequence > turn) return;
        remove.run({ source, repository, tag, digest });
        insert.run(row);
        keepEvents(events);
      });
    },
    turn: () => database.read(() => (lastSequence.get() as { sequence: number | null }).sequence ?? 0),
    current: (repository, tag) => database.read(() => maybe(current.get(repository, tag), read)),
    byDigest: (repository, digest) => database.read(() => maybe(byDigest.get(repository, digest), read)),
    async currentOf(source, sourceRepository) {
      const rows = await database.read(() => currentOf.all(source, sourceRepository));
      const present = rows.map(read).filter(({ goneAt }) => goneAt === undefined);
      return new Map(present.map((candidate) => [candidate.tag, candidate]));
    },
    markGone: (source, sourceRepository, tag, at) =>
      database.write(() => {
        const row = newestOf.get(source, sourceRepository, tag) as { sequence: number } | undefined;
        if (row === undefined) return false;
        const candidate = read(row);
        if (candidate.goneAt === undefined)
          setDocument.run(JSON.stringify({ ...candidate, goneAt: at }), row.sequence);
        return true;
      }),
    sourceOf: (repository) =>
      database.read(() => {
        const row = sourceOf.get(repository) as { source: string; source_repository: string } | undefined;
        return row && { source: row.source, sourceRepository: row.source_repository };
      }),
    list: (query) =>
      database.read(() =>
        list({ repository: query.repository, tag: query.tag, digest: query.digest }, query),
      ),
    holding: (digest, { limit, cursor }) =>
      database.read(() => {
        const after = cursor === undefined ? BEFORE_ALL : cursors.decode(cursor);
        const rows = holding.all(digest, ...after, rowsFor(limit)) as unknown as HoldingRow[];
        return pageOf(rows, limit, read, (last) =>
          cursors.encode([last.repository, last.tag, last.candidate, last.source]),
        );
      }),
    async collect(candidates, at) {
      await database.write(() => {
        for (const { source, repository, tag, digest, syncedAt } of candidates) {
          const row = keptOne.get({ source, repository, tag, digest }) as { sequence: number } | undefined;
          if (row !== undefined && read(row).syncedAt === syncedAt)
            setCollected.run(JSON.stringify({ ...read(row), collectedAt: at }), row.sequence);
        }
      });
    },
    async remove(candidates) {
      await database.write(() => {
        for (const { source, repository, tag, digest } of candidates)
          remove.run({ source, repository, tag, digest });
      });
    },
  };
}

interface HoldingRow {
  readonly repository: string;
  readonly tag: string;
  readonly candidate: string;
  readonly source: string;
}

const BEFORE_ALL = ['', '', '', ''] as const;

const read = (row: unknown) => documentIn(row) as Candidate;
