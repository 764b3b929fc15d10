import type { Publications } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import { publicationRecord } from '../record-keys.ts';
import type { Publication } from '../records.ts';
import type { Database } from './database.ts';
import { is, keyOf, mustBeNumber, recordIn, type Row, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { eventKeeper, type OutboxRow, withEvents } from './outbox.ts';
import { firstWriter, newToken, type TokenRow, writerField, wroteSome } from './tokens.ts';

export interface PublicationRow extends Row, OutboxRow, TokenRow {
  readonly tree: string;
  readonly serial: number;
}

export function mongodbPublications(database: Database): Publications {
  const rows = database.collection<PublicationRow>('publications');
  const keep = eventKeeper(database);
  const cursors = cursorsOf('publications', ['number']);
  const below = (tree: string, serial: number, limit: number) =>
    database.call(() =>
      database.find(rows, {
        index: 'publications_list',
        filter: { tree: is(tree), serial: { $lt: mustBeNumber(serial) } },
        sort: { serial: -1 },
        limit,
      }),
    );

  return {
    async put(publication, events = []) {
      const token = newToken();
      const row = publicationRow(publication, token);
      const { _id, document } = row;
      await database.whole(async () => {
        const kept = await keep(events);
        await database.attempt(async () => {
          for (;;) {
            const former = await rows.findOne({ _id });
            if (wroteSome(former, token)) return;
            // What is history stays so, whoever is late.
            if (publication.state === 'preparing' && former !== null && read(former).state === 'published')
              return;
            if (former === null) {
              try {
                await rows.insertOne({ ...row, ...withEvents(kept) });
                return;
              } catch (error) {
                if (!isDuplicate(error)) throw error;
              }
            } else {
              // At the version that was read, so that an attempt which was given up can't follow a later write.
              const { version } = former;
              const { matchedCount } = await rows.updateOne(
                { _id, version },
                {
                  $set: { document, ...writerField(version + 1, token) },
                  $inc: { version: 1 },
                  ...kept,
                },
              );
              if (matchedCount === 1) return;
            }
          }
        });
      });
    },
    async get(tree, serial) {
      const row = await database.call(() => rows.findOne({ _id: keyOf(tree, serial) }));
      return row === null ? undefined : read(row);
    },
    async latest(tree) {
      const [row] = await below(tree, ABOVE_ALL, 1);
      return row && read(row);
    },
    async list(tree, { limit, cursor }) {
      const rowsWanted = rowsFor(limit);
      const [before] = cursor === undefined ? [ABOVE_ALL] : cursors.decode(cursor);
      const found = await below(tree, before, rowsWanted);
      return pageOf(found, limit, read, (last) => cursors.encode([last.serial]));
    },
  };
}

/** The row of a publication that is new. */
export function publicationRow(publication: Publication, token: string): PublicationRow {
  const { tree, serial } = publication;
  return {
    _id: publicationRecord({ tree: text(tree), serial: mustBeNumber(serial) }).key,
    version: 1,
    tree,
    serial,
    writers: firstWriter(1, token),
    document: JSON.stringify(publication),
  };
}

const ABOVE_ALL = Number.MAX_SAFE_INTEGER;

const read = (row: PublicationRow) => recordIn(row) as Publication;
