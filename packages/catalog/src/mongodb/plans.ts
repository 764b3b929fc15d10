import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import type { Plan, Plans } from '../plans.ts';
import { idTaken } from '../taken.ts';
import type { Database } from './database.ts';
import { recordIn, type Row, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { newToken } from './tokens.ts';

interface PlanRow extends Row {
  readonly expiresAt: string;
  /** The token of the call that made it. */
  readonly creator: string;
}

const KEYS_A_QUERY = 1000;

export function mongodbPlans(database: Database): Plans {
  const rows = database.collection<PlanRow>('plans');
  const cursors = cursorsOf('plans', ['string']);
  return {
    async create(plan) {
      const row = planRow(plan, newToken());
      const { _id, creator } = row;
      await database.call(async () => {
        try {
          await rows.insertOne(row);
        } catch (error) {
          if (!isDuplicate(error)) throw error;
          const there = await rows.findOne({ _id }, { projection: { creator: 1 } });
          if (there !== null && there.creator !== creator) throw idTaken('plan', _id);
        }
      });
    },
    async get(id) {
      const row = await database.call(() => rows.findOne({ _id: text(id) }));
      return row === null ? undefined : (recordIn(row) as Plan);
    },
    async list({ limit, cursor, after }) {
      const wanted = rowsFor(limit);
      const [last] = cursor === undefined ? [''] : cursors.decode(cursor);
      const found = await database.call(() =>
        database.find(rows, {
          index: '_id_',
          filter: { _id: { $gt: text(last) }, expiresAt: { $gt: text(after) } },
          sort: { _id: 1 },
          limit: wanted,
        }),
      );
      return pageOf(
        found,
        limit,
        (row) => recordIn(row) as Plan,
        ({ _id }) => cursors.encode([_id]),
      );
    },
    async forget(before) {
      const expired = { expiresAt: { $lt: text(before) } };
      await database.call(async () => {
        for (;;) {
          const old = await database.find(rows, {
            index: 'plans_expired',
            filter: expired,
            limit: KEYS_A_QUERY,
            fields: { _id: 1 },
          });
          if (old.length > 0) await rows.deleteMany({ _id: { $in: old.map(({ _id }) => _id) } });
          if (old.length < KEYS_A_QUERY) return;
        }
      });
    },
  };
}

export function planRow(plan: Plan, creator: string): PlanRow {
  return { _id: text(plan.id), expiresAt: text(plan.expiresAt), creator, document: JSON.stringify(plan) };
}
