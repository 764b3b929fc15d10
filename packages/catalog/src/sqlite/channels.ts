import { Fault } from '@gantry/oci';
import type { Channels } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { ChannelTag } from '../records.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';

export function sqliteChannels(database: Database): Channels {
  const set = database.prepare(`
    INSERT INTO channel_tags (channel, repository, tag, digest, promoted_at, document)
    VALUES (:channel, :repository, :tag, :digest, :promotedAt, :document)
  `);
  const remove = database.prepare(
    'DELETE FROM channel_tags WHERE channel = ? AND repository = ? AND tag = ?',
  );
  const tag = database.prepare(
    'SELECT document FROM channel_tags WHERE channel = ? AND repository = ? AND tag = ?',
  );
  const byDigest = database.prepare(`
    SELECT document FROM channel_tags WHERE channel = ? AND repository = ? AND digest = ?
    ORDER BY promoted_at DESC, rowid DESC LIMIT 1
  `);
  const tags = database.prepare(`
    SELECT document, tag FROM channel_tags WHERE channel = ? AND repository = ? AND tag > ? ORDER BY tag LIMIT ?
  `);
  // One look into the index for each name, whatever the number of its tags.
  const repositories = database.prepare(`
    WITH RECURSIVE names (name) AS (
      SELECT min(repository) FROM channel_tags WHERE channel = :channel AND repository > :after
      UNION ALL
      SELECT (SELECT min(repository) FROM channel_tags WHERE channel = :channel AND repository > names.name)
      FROM names WHERE names.name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL LIMIT :rows
  `);
  const names = database.prepare(`
    WITH RECURSIVE names (name) AS (
      SELECT min(channel) FROM channel_tags
      UNION ALL
      SELECT (SELECT min(channel) FROM channel_tags WHERE channel > names.name)
      FROM names WHERE names.name IS NOT NULL
    )
    SELECT name FROM names WHERE name IS NOT NULL
  `);
  const holding = database.prepare(`
    SELECT document, held.channel, held.repository, held.tag
    FROM channel_tag_digests AS held CROSS JOIN channel_tags
    ON (channel_tags.channel, channel_tags.repository, channel_tags.tag)
      = (held.channel, held.repository, held.tag)
    WHERE held.digest = ? AND (held.channel, held.repository, held.tag) > (?, ?, ?)
    ORDER BY held.channel, held.repository, held.tag LIMIT ?
  `);
  const takenOver = database.prepare('SELECT 1 FROM leases WHERE name = ? AND fence > ?');
  const tagCursors = cursorsOf('channel-tags', ['string']);
  const repositoryCursors = cursorsOf('channel-repositories', ['string']);
  const holdingCursors = cursorsOf('channels-holding', ['string', 'string', 'string']);

  return {
    async apply(channel, repository, entries, removed, lease) {
      const rows = entries.map((entry) => ({
        channel,
        repository,
        tag: entry.tag,
        digest: entry.digest,
        promotedAt: entry.promotedAt,
        document: JSON.stringify(entry),
      }));
      await database.write(() => {
        if (lease !== undefined && takenOver.get(lease.name, lease.fence) !== undefined) {
          throw new Fault('LEASE_LOST', `another worker has taken the lease ${lease.name} over`, {
            lease: lease.name,
          });
        }
        for (const name of removed) remove.run(channel, repository, name);
        for (const row of rows) {
          remove.run(channel, repository, row.tag);
          set.run(row);
        }
      });
    },
    tagsOf: (channel, repository) =>
      database.read(() => tags.all(channel, repository, '', NO_LIMIT).map(read)),
    tag: (channel, repository, name) => database.read(() => maybe(tag.get(channel, repository, name), read)),
    byDigest: (channel, repository, digest) =>
      database.read(() => maybe(byDigest.get(channel, repository, digest), read)),
    names: () => database.read(() => names.all().map((row) => row['name'] as string)),
    repositories: (channel, { limit, cursor }) =>
      database.read(() => {
        const [after] = cursor === undefined ? [''] : repositoryCursors.decode(cursor);
        const rows = repositories.all({ channel, after, rows: rowsFor(limit) }) as unknown as {
          name: string;
        }[];
        return pageOf(
          rows,
          limit,
          ({ name }) => name,
          ({ name }) => repositoryCursors.encode([name]),
        );
      }),
    listTags: (channel, repository, { limit, cursor }) =>
      database.read(() => {
        const [after] = cursor === undefined ? [''] : tagCursors.decode(cursor);
        const rows = tags.all(channel, repository, after, rowsFor(limit)) as unknown as { tag: string }[];
        return pageOf(rows, limit, read, (last) => tagCursors.encode([last.tag]));
      }),
    holding: (digest, { limit, cursor }) =>
      database.read(() => {
        const after = cursor === undefined ? BEFORE_ALL : holdingCursors.decode(cursor);
        const rows = holding.all(digest, ...after, rowsFor(limit)) as unknown as HoldingRow[];
        return pageOf(rows, limit, read, (last) =>
          holdingCursors.encode([last.channel, last.repository, last.tag]),
        );
      }),
  };
}

/** https://www.sqlite.org/lang_select.html: a negative LIMIT is none. */
const NO_LIMIT = -1;

interface HoldingRow {
  readonly channel: string;
  readonly repository: string;
  readonly tag: string;
}

const BEFORE_ALL = ['', '', ''] as const;

const read = (row: unknown) => documentIn(row) as ChannelTag;
