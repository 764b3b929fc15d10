import type { Waiver, Waivers } from '../evidence.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { is, placeOf, recordIn, text } from './documents.ts';
import { type CreatedRow, insertListed } from './insert-listed.ts';
import { newestFirst } from './newest-first.ts';

interface WaiverRow extends CreatedRow {
  readonly channel: string;
  readonly digest: string;
  readonly expiresAt: string;
  readonly revoked: boolean;
}

export function mongodbWaivers(database: Database): Waivers {
  const rows = database.collection<WaiverRow>('waivers');
  const list = newestFirst(database, rows, {
    name: 'waivers',
    time: ({ createdAt }: Waiver) => createdAt,
    indexes: [
      ['waivers_list'],
      ['waivers_list_channel', 'channel'],
      ['waivers_list_digest', 'digest'],
      ['waivers_list_channel_digest', 'channel', 'digest'],
    ],
    item: read,
  });

  return {
    async create(waiver) {
      const inserted = await insertListed(database, rows, 'waivers', (sequence, creator) =>
        waiverRow(waiver, sequence, creator),
      );
      if (inserted?.created !== true) throw idTaken('waiver', waiver.id);
    },
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : read(row);
    },
    revoke: (id, by, at) =>
      database.call(async () => {
        const row = await rows.findOne({ _id: text(id) });
        if (row === null) return undefined;
        const document = JSON.stringify({ ...read(row), revoked: { by: text(by), at: text(at) } });
        await rows.updateOne({ _id: row._id, revoked: false }, { $set: { revoked: true, document } });
        const revoked = await rows.findOne({ _id: row._id }); // by whoever was first
        return revoked === null ? undefined : read(revoked);
      }),
    async inForce(channel, digest, at) {
      const found = await database.call(() =>
        database.find(rows, {
          index: 'waivers_list_channel_digest',
          filter: {
            channel: is(channel),
            digest: is(digest),
            revoked: false,
            expiresAt: { $gt: text(at) },
          },
          sort: { place: 1 },
        }),
      );
      return found.map(read);
    },
    list: ({ channel, digest, ...page }) => list({ channel, digest }, page),
  };
}

export function waiverRow(waiver: Waiver, sequence: number, creator: string): WaiverRow {
  const { id, channel, digest, createdAt, expiresAt, revoked } = waiver;
  return {
    _id: text(id),
    sequence,
    place: placeOf(createdAt, sequence),
    channel: text(channel),
    digest: text(digest),
    expiresAt: text(expiresAt),
    revoked: revoked !== undefined,
    creator,
    document: JSON.stringify(waiver),
  };
}

const read = (row: WaiverRow) => recordIn(row) as Waiver;
