import { Fault } from '@gantry/oci';
import type { Channels } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { ChannelTag, Lease } from '../records.ts';
import { changePieces, pieceOf, type PieceReference } from './channel-pieces.ts';
import type { Database } from './database.ts';
import { inParts, is, keyOf, mustBeNumber, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { holdingTags } from './holding-tags.ts';
import type { LeaseRow } from './leases.ts';
import { heldBy } from './named-digests.ts';
import { newToken } from './tokens.ts';

/** A repository in a channel: it names the pieces that hold its tags. To replace it is what makes a change. */
export interface ChannelRow {
  /** Channel and repository. */
  readonly _id: string;
  readonly channel: string;
  readonly repository: string;
  readonly revision: number;
  /** Whether it has a tag. */
  readonly listed: boolean;
  /** By tag. */
  readonly pieces: readonly PieceReference[];
  /** The highest fence of each lease under which it was written. */
  readonly fences: readonly Pick<Lease, 'name' | 'fence'>[];
  /** Tokens of the calls that made it so, the last ones. */
  readonly writers: readonly string[];
}

/** Some tags of one repository in one channel, one after the other. Never changed: another takes its place. */
export interface PieceRow {
  readonly _id: string;
  readonly owner: string;
  /** Of the row that was to name it first. A row of that revision, or a later one, that names it not never will. */
  readonly revision: number;
  readonly digests: readonly string[];
  /** Those of the tags, and of their companions and referrers. */
  readonly holds: readonly string[];
  /** The tags, as JSON. */
  readonly document: string;
}

const KEPT_WRITERS = 16;
const PIECES_A_QUERY = 100;
/** After how many changes what killed writers left behind is looked for. */
const SWEEP_EVERY = 16;

/**
 * A change of many tags is one write, and a document holds 16 MiB: so tags lie in pieces, and a row names those that
 * count. A writer first stores pieces that nobody sees, then replaces the row, if it is still at the revision that it
 * has read, then removes what no row names any more. A reader that misses a piece reads the row anew.
 */
export function mongodbChannels(database: Database): Channels {
  const rows = database.collection<ChannelRow>('channels');
  const pieces = database.collection<PieceRow>('channel_tags');
  const leases = database.collection<LeaseRow>('leases');
  const tagCursors = cursorsOf('channel-tags', ['string']);
  const repositoryCursors = cursorsOf('channel-repositories', ['string']);

  return {
    async apply(channel, repository, set, remove, lease) {
      const _id = keyOf(channel, repository);
      const token = newToken();
      const stored = new Set<string>();
      await database.call(async () => {
        for (;;) {
          const former = await rows.findOne({ _id });
          if (former?.writers.includes(token) === true) return clean(former, stored);
          if (lease !== undefined) await mustHold(former, lease);
          const revision = (former?.revision ?? 0) + 1;
          const changed = await changePieces(former?.pieces ?? [], set, remove.map(text), read);
          if (changed === undefined) continue; // another writer took a piece away meanwhile
          const fresh = changed.fresh.map(({ reference, tags }) =>
            pieceRow(_id, revision, reference.id, tags),
          );
          for (const { _id: id } of fresh) stored.add(id);
          for (const some of inParts(fresh, PIECES_A_QUERY)) await pieces.insertMany(some);
          const next: ChannelRow = {
            _id,
            channel,
            repository,
            revision,
            listed: changed.pieces.length > 0,
            pieces: changed.pieces,
            fences: fencesWith(former?.fences ?? [], lease),
            writers: [...(former?.writers ?? []), token].slice(-KEPT_WRITERS),
          };
          if (await put(former, next)) {
            for (const { id } of former?.pieces ?? []) stored.add(id);
            return clean(next, stored);
          }
        }
      });
    },
    async tagsOf(channel, repository) {
      return database.call(() => atOneMoment(channel, repository, ({ pieces: all }) => readAll(all)));
    },
    async tag(channel, repository, name) {
      const wanted = text(name);
      const tags = await database.call(() =>
        atOneMoment(channel, repository, async ({ pieces: all }) => {
          const piece = pieceOf(all, wanted);
          return piece === undefined ? [] : readAll([piece]);
        }),
      );
      return tags.find(({ tag }) => tag === wanted);
    },
    async byDigest(channel, repository, digest) {
      const owner = keyOf(channel, repository);
      const filter = { owner: is(owner), digests: is(digest) };
      const tags = await database.call(async () => {
        for (;;) {
          const row = await rows.findOne({ _id: owner });
          if (row === null) return [];
          const found = await database.find(pieces, { index: 'channel_tags_digest', filter });
          const after = await rows.findOne({ _id: owner }, { projection: { revision: 1 } });
          if (after?.revision !== row.revision) continue;
          const named = new Set(row.pieces.map(({ id }) => id));
          return found.filter(({ _id }) => named.has(_id)).flatMap(tagsIn);
        }
      });
      return tags
        .filter((entry) => entry.digest === digest)
        .toSorted((a, b) => (a.promotedAt < b.promotedAt ? 1 : a.promotedAt > b.promotedAt ? -1 : 0))[0];
    },
    async names() {
      const names: string[] = [];
      for (let last = ''; ;) {
        const query = {
          index: 'channels_listed',
          filter: { channel: { $gt: text(last) }, listed: true },
          sort: { channel: 1 },
          fields: { _id: 0, channel: 1 },
        } as const;
        const next = await database.call(() => database.first(rows, query));
        if (next === undefined) return names;
        names.push(next.channel);
        last = next.channel;
      }
    },
    async repositories(channel, { limit, cursor }) {
      const wanted = rowsFor(limit);
      const [after] = cursor === undefined ? [''] : repositoryCursors.decode(cursor);
      const found = await database.call(() =>
        database.find(rows, {
          index: 'channels_listed',
          filter: { channel: is(channel), listed: true, repository: { $gt: text(after) } },
          sort: { repository: 1 },
          limit: wanted,
          fields: { _id: 0, repository: 1 },
        }),
      );
      return pageOf(
        found,
        limit,
        ({ repository }) => repository,
        ({ repository }) => repositoryCursors.encode([repository]),
      );
    },
    async listTags(channel, repository, { limit, cursor }) {
      const wanted = rowsFor(limit);
      const [after] = cursor === undefined ? [''] : tagCursors.decode(cursor);
      const tags = await database.call(() =>
        atOneMoment(channel, repository, async ({ pieces: all }) => {
          const first = pieceOf(all, after);
          const found: ChannelTag[] = [];
          for (let at = first === undefined ? 0 : all.indexOf(first); at < all.length; at++) {
            const some = await readAll(all.slice(at, at + 1));
            if (some === undefined) return undefined;
            found.push(...some.filter(({ tag }) => tag > after));
            if (found.length >= wanted) break;
          }
          return found;
        }),
      );
      return pageOf(
        tags.slice(0, wanted),
        limit,
        (tag) => tag,
        (last) => tagCursors.encode([last.tag]),
      );
    },
    holding: holdingTags(database, rows, pieces),
  };

  /**
   * What the row says is what counts, since it is replaced as it was read; the lease's own row tells it earlier.
   * @throws Fault LEASE_LOST
   */
  async function mustHold(
    row: ChannelRow | null,
    { name, fence }: Pick<Lease, 'name' | 'fence'>,
  ): Promise<void> {
    const written = row?.fences.find((other) => other.name === name)?.fence ?? 0;
    const current = await leases.findOne({ _id: text(name) }, { projection: { fence: 1 } });
    if (Math.max(written, current?.fence ?? 0) <= fence) return;
    throw new Fault('LEASE_LOST', `another worker has taken the lease ${name} over`, { lease: name });
  }

  /** What `look` sees of a row and its pieces. It gives undefined when one is missing: then the row has moved on. */
  async function atOneMoment(
    channel: string,
    repository: string,
    look: (row: ChannelRow) => Promise<ChannelTag[] | undefined>,
  ): Promise<ChannelTag[]> {
    for (;;) {
      const row = await rows.findOne({ _id: keyOf(channel, repository) });
      if (row === null) return [];
      const seen = await look(row);
      if (seen !== undefined) return seen;
    }
  }

  /** The tags in pieces, in their order; undefined when one is not there. */
  async function readAll(wanted: readonly PieceReference[]): Promise<ChannelTag[] | undefined> {
    const found = new Map<string, ChannelTag[]>();
    for (const some of inParts(wanted, PIECES_A_QUERY)) {
      const filter = { _id: { $in: some.map(({ id }) => id) } };
      for (const row of await database.find(pieces, { index: '_id_', filter }))
        found.set(row._id, tagsIn(row));
    }
    if (found.size < wanted.length) return undefined;
    return wanted.flatMap(({ id }) => found.get(id) ?? []);
  }

  async function read(piece: PieceReference): Promise<ChannelTag[] | undefined> {
    return readAll([piece]);
  }

  /** Puts a row in the place of the one that was read; false if another was faster. */
  async function put(former: ChannelRow | null, next: ChannelRow): Promise<boolean> {
    const { _id, ...replacement } = next;
    if (former !== null) {
      const { matchedCount } = await rows.replaceOne({ _id, revision: former.revision }, replacement);
      return matchedCount === 1;
    }
    try {
      await rows.insertOne(next);
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  /** Removes the pieces that `row` does not name: those that are known, and now and then those that nobody knows. */
  async function clean(row: ChannelRow, known: ReadonlySet<string>): Promise<void> {
    const named = new Set(row.pieces.map(({ id }) => id));
    const doomed = new Set([...known].filter((id) => !named.has(id)));
    if (row.revision % SWEEP_EVERY === 0) {
      const filter = { owner: is(row._id), revision: { $lte: row.revision } };
      const fields = { _id: 1 } as const;
      const all = await database.find(pieces, { index: 'channel_tags_revision', filter, fields });
      for (const { _id } of all) if (!named.has(_id)) doomed.add(_id);
    }
    for (const some of inParts([...doomed], PIECES_A_QUERY)) await pieces.deleteMany({ _id: { $in: some } });
  }
}

function fencesWith(
  former: ChannelRow['fences'],
  lease: Pick<Lease, 'name' | 'fence'> | undefined,
): ChannelRow['fences'] {
  if (lease === undefined) return former;
  const { name, fence } = lease;
  return [...former.filter((other) => other.name !== name), { name, fence: mustBeNumber(fence) }];
}

export function pieceRow(owner: string, revision: number, id: string, tags: readonly ChannelTag[]): PieceRow {
  const digests = [...new Set(tags.map(({ digest }) => text(digest)))];
  const holds = [...new Set(tags.flatMap(heldBy))];
  return { _id: id, owner, revision, digests, holds, document: JSON.stringify(tags) };
}

const tagsIn = ({ document }: Pick<PieceRow, 'document'>) => JSON.parse(document) as ChannelTag[];
