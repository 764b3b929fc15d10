import type { Digest } from '@gantry/oci';
import type { Collection } from 'mongodb';
import type { Channels } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { ChannelTag } from '../records.ts';
import type { ChannelRow, PieceRow } from './channels.ts';
import type { Database } from './database.ts';
import { is, keyOf, text } from './documents.ts';
import { fillInTags } from './fill-in.ts';
import { heldBy } from './named-digests.ts';

/** Looks for a digest in the tags of all channels, repository by repository. */
export function holdingTags(
  database: Database,
  rows: Collection<ChannelRow>,
  pieces: Collection<PieceRow>,
): Channels['holding'] {
  const cursors = cursorsOf('channels-holding', ['string', 'string']);
  return async (digest, { limit, cursor }) => {
    const wanted = rowsFor(limit);
    const [begun, after] = cursor === undefined ? ['', ''] : cursors.decode(cursor);
    const found = await database.call(async () => {
      await fillInTags(pieces);
      const tags = begun === '' ? [] : (await tagsIn(begun, digest)).filter(({ tag }) => tag > after);
      for (let owner = begun; tags.length < wanted;) {
        const next = await ownerAfter(owner, digest);
        if (next === undefined) break;
        tags.push(...(await tagsIn(next, digest)));
        owner = next;
      }
      return tags.slice(0, wanted);
    });
    return pageOf(
      found,
      limit,
      (tag) => tag,
      ({ channel, repository, tag }) => cursors.encode([keyOf(channel, repository), tag]),
    );
  };

  async function ownerAfter(owner: string, digest: Digest): Promise<string | undefined> {
    const row = await database.first(pieces, {
      index: 'channel_tags_holding',
      filter: { holds: is(digest), owner: { $gt: text(owner) } },
      sort: { owner: 1 },
      fields: { _id: 0, owner: 1 },
    });
    return row?.owner;
  }

  /** Of one repository in one channel, by tag; at one moment. */
  async function tagsIn(owner: string, digest: Digest): Promise<ChannelTag[]> {
    for (;;) {
      const row = await rows.findOne({ _id: owner });
      if (row === null) return [];
      const found = await database.find(pieces, {
        index: 'channel_tags_holding',
        filter: { holds: is(digest), owner: is(owner) },
      });
      const after = await rows.findOne({ _id: owner }, { projection: { revision: 1 } });
      if (after?.revision !== row.revision) continue;
      const named = new Set(row.pieces.map(({ id }) => id));
      return found
        .filter(({ _id }) => named.has(_id))
        .flatMap(({ document }) => JSON.parse(document) as ChannelTag[])
        .filter((entry) => heldBy(entry).includes(digest))
        .toSorted((a, b) => (a.tag < b.tag ? -1 : 1));
    }
  }
}
