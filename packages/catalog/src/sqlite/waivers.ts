import type { Waiver, Waivers } from '../evidence.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { documentIn, maybe } from './documents.ts';
import { newestFirst } from './newest-first.ts';

export function sqliteWaivers(database: Database): Waivers {
  const insert = database.prepare(`
    INSERT INTO waivers (id, channel, digest, created_at, expires_at, revoked, document)
    VALUES (:id, :channel, :digest, :createdAt, :expiresAt, 0, :document)
    ON CONFLICT DO NOTHING
  `);
  const get = database.prepare('SELECT document FROM waivers WHERE id = ?');
  const revoke = database.prepare('UPDATE waivers SET revoked = 1, document = ? WHERE id = ?');
  const inForce = database.prepare(`
    SELECT document FROM waivers INDEXED BY waivers_list_channel_digest
    WHERE channel = ? AND digest = ? AND expires_at > ? AND revoked = 0 ORDER BY created_at, place
  `);
  const list = newestFirst(database, {
    name: 'waivers',
    columns: 'document',
    time: 'created_at',
    filters: ['channel', 'digest'],
    indexes: [[], ['channel'], ['digest'], ['channel', 'digest']],
    item: read,
  });

  return {
    async create(waiver) {
      const { id, channel, digest, createdAt, expiresAt } = waiver;
      const row = { id, channel, digest, createdAt, expiresAt, document: JSON.stringify(waiver) };
      await database.write(() => {
        if (insert.run(row).changes === 0) throw idTaken('waiver', id);
      });
    },
    get: (id) => database.read(() => maybe(get.get(id), read)),
    revoke: (id, by, at) =>
      database.write(() => {
        const waiver = maybe(get.get(id), read);
        if (waiver === undefined || waiver.revoked !== undefined) return waiver;
        const revoked = { ...waiver, revoked: { by, at } };
        revoke.run(JSON.stringify(revoked), id);
        return revoked;
      }),
    inForce: (channel, digest, at) => database.read(() => inForce.all(channel, digest, at).map(read)),
    list: (query) => database.read(() => list({ channel: query.channel, digest: query.digest }, query)),
  };
}

const read = (row: unknown) => documentIn(row) as Waiver;
