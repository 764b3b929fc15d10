import type { Confirmation, Confirmations, MirrorState } from '../confirmations.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import { confirmationRecord } from '../record-keys.ts';
import type { Database } from './database.ts';
import { is, keyOf, mustBeNumber, recordIn, type Row, sortable, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { eventKeeper, type OutboxRow, withEvents } from './outbox.ts';
import { firstWriter, newToken, type TokenRow, writerField, wroteSome } from './tokens.ts';

interface ConfirmationRow extends Row, OutboxRow, TokenRow {
  readonly tree: string;
  /** By which the list goes: the newest serial first, then the mirror. */
  readonly place: string;
}

interface MirrorRow extends Row {
  readonly tree: string;
  /** Its name, `sortable`. */
  readonly mirror: string;
}

export function mongodbConfirmations(database: Database): Confirmations {
  const rows = database.collection<ConfirmationRow>('confirmations');
  const mirrors = database.collection<MirrorRow>('mirrors');
  const keep = eventKeeper(database);
  const cursors = cursorsOf('confirmations', ['number', 'string']);

  return {
    put(confirmation, events = []) {
      const token = newToken();
      const row = confirmationRow(confirmation, token);
      const { _id, document } = row;
      return database.whole(async () => {
        const kept = await keep(events);
        return database.attempt(async () => {
          for (;;) {
            const former = await rows.findOne({ _id });
            if (wroteSome(former, token)) return true;
            if (former === null) {
              try {
                await rows.insertOne({ ...row, ...withEvents(kept) });
                return true;
              } catch (error) {
                if (!isDuplicate(error)) throw error;
              }
            } else if (read(former).state === 'confirmed') {
              return false;
            } else {
              // At the version that was read, so that an attempt which was given up can't follow a later write.
              const { version } = former;
              const { matchedCount } = await rows.updateOne(
                { _id, version },
                { $set: { document, ...writerField(version + 1, token) }, $inc: { version: 1 }, ...kept },
              );
              if (matchedCount === 1) return true;
            }
          }
        });
      });
    },
    async of(tree, serial) {
      const rank = rankOf(serial);
      const found = await database.call(() =>
        database.find(rows, {
          index: 'confirmations_list',
          filter: { tree: is(tree), place: { $gte: `${rank} `, $lt: `${rank}!` } },
          sort: { place: 1 },
        }),
      );
      return found.map(read);
    },
    async list(tree, { limit, cursor }) {
      const wanted = rowsFor(limit);
      const after = cursor === undefined ? '' : placeOf(...cursors.decode(cursor));
      const found = await database.call(() =>
        database.find(rows, {
          index: 'confirmations_list',
          filter: { tree: is(tree), place: { $gt: after } },
          sort: { place: 1 },
          limit: wanted,
        }),
      );
      return pageOf(
        found.map(read),
        limit,
        (one) => one,
        ({ serial, mirror }) => cursors.encode([serial, mirror]),
      );
    },
    async putMirror(state) {
      const { _id, ...replacement } = mirrorRow(state);
      await database.call(async () => {
        for (;;) {
          try {
            await mirrors.replaceOne({ _id }, replacement, { upsert: true });
            return;
          } catch (error) {
            if (!isDuplicate(error)) throw error; // another put the first one at the same time
          }
        }
      });
    },
    async mirrors(tree) {
      const found = await database.call(() =>
        database.find(mirrors, { index: 'mirrors_of', filter: { tree: is(tree) }, sort: { mirror: 1 } }),
      );
      return found.map((row) => recordIn(row) as MirrorState);
    },
  };
}

/** The row of a confirmation that is new. */
export function confirmationRow(confirmation: Confirmation, token: string): ConfirmationRow {
  const { tree, serial, mirror } = confirmation;
  return {
    _id: confirmationRecord({ tree: text(tree), serial: mustBeNumber(serial), mirror: text(mirror) }).key,
    version: 1,
    tree,
    place: placeOf(serial, mirror),
    writers: firstWriter(1, token),
    document: JSON.stringify(confirmation),
  };
}

export function mirrorRow(state: MirrorState): MirrorRow {
  const { tree, mirror } = state;
  return { _id: keyOf(tree, mirror), tree, mirror: sortable(mirror), document: JSON.stringify(state) };
}

function placeOf(serial: number, mirror: string): string {
  return `${rankOf(serial)} ${sortable(mirror)}`;
}

/** The newest serial has the least. */
function rankOf(serial: number): string {
  return String(Number.MAX_SAFE_INTEGER - mustBeNumber(serial)).padStart(16, '0');
}

const read = (row: Row) => recordIn(row) as Confirmation;
