import type { TokenRecord, Tokens } from '../access.ts';
import { idTaken, tokenNameTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { placeOf, recordIn, text } from './documents.ts';
import { type CreatedRow, insertListed } from './insert-listed.ts';
import { newestFirst } from './newest-first.ts';

interface AccessTokenRow extends CreatedRow {
  /** The name; of one that was revoked its id: each marked as what it is, so the two never meet. */
  readonly name: string;
}

/** The catalog's tokens; those of tokens.ts are another thing. */
export function mongodbTokens(database: Database): Tokens {
  const rows = database.collection<AccessTokenRow>('access_tokens');
  const rowNamed = (name: string) =>
    database.first(rows, { index: 'access_tokens_name', filter: { name: { $eq: named(name) } } });
  const list = newestFirst<TokenRecord, AccessTokenRow, never>(database, rows, {
    name: 'tokens',
    time: ({ createdAt }: TokenRecord) => createdAt,
    indexes: [['access_tokens_list']],
    item: read,
  });

  return {
    async create(token) {
      const inserted = await insertListed(
        database,
        rows,
        'access_tokens',
        (sequence, creator) => accessTokenRow(token, sequence, creator),
        async () => (await rowNamed(token.name)) !== undefined,
      );
      if (inserted === undefined) throw tokenNameTaken(token.name);
      if (!inserted.created) throw idTaken('token', token.id);
    },
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : read(row);
    },
    async byName(name) {
      const row = await database.call(() => rowNamed(name));
      return row && read(row);
    },
    revoke: (id, by, at) =>
      database.call(async () => {
        const row = await rows.findOne({ _id: text(id) });
        if (row === null) return undefined;
        const document = JSON.stringify({ ...read(row), revoked: { by: text(by), at: text(at) } });
        const inForce = { _id: row._id, name: named(read(row).name) };
        await rows.updateOne(inForce, { $set: { name: nameless(row._id), document } });
        const revoked = await rows.findOne({ _id: row._id }); // by whoever was first
        return revoked === null ? undefined : read(revoked);
      }),
    list: (page) => list({}, page),
  };
}

export function accessTokenRow(token: TokenRecord, sequence: number, creator: string): AccessTokenRow {
  const { id, name, createdAt, revoked } = token;
  return {
    _id: text(id),
    sequence,
    place: placeOf(createdAt, sequence),
    name: revoked === undefined ? named(name) : nameless(id),
    creator,
    document: JSON.stringify(token),
  };
}

const named = (name: string) => `name ${text(name)}`;
const nameless = (id: string) => `id ${id}`;

const read = (row: AccessTokenRow) => recordIn(row) as TokenRecord;
