import type { Document } from 'mongodb';
import type { OutboxEvent } from '../records.ts';
import { CATALOG_NOUNS, type CatalogCounts, type CatalogEntry, emptyCounts } from '../transfer.ts';
import { type AuditRow, entriesIn } from './audit.ts';
import { type ChannelRow, mongodbChannels } from './channels.ts';
import type { Database } from './database.ts';
import { recordIn, type Row } from './documents.ts';
import { type GarbageRow, readBlob } from './garbage.ts';
import type { CollectionName, IndexName } from './indexes.ts';
import type { LeaseRow } from './leases.ts';
import type { ListedNoun } from './newest-first.ts';
import { EVENT_NOUNS, type OutboxRow } from './outbox.ts';
import { type PoolRow, readPoolObject, type SerialRow } from './pool.ts';
import { type PromotionRow, readPromotion } from './promotions.ts';
import { type ReportRow, readReport } from './reports.ts';
import { retractionOf, type RetractionRow } from './retractions.ts';
import type { TaskRow } from './tasks.ts';

const ROWS_A_QUERY = 500;

/** All that a catalog holds, a page at a time, so that a failover in the middle does no harm. */
export async function* dumpOf(database: Database): AsyncGenerator<CatalogEntry> {
  for await (const row of byKey<Row>(database, 'manifests')) {
    yield { noun: 'manifests', record: recordIn(row) as never };
  }
  for await (const row of bySequence<Row>(database, 'candidates')) {
    yield { noun: 'candidates', record: recordIn(row) as never };
  }
  for await (const row of byKey<Row>(database, 'failures')) {
    yield { noun: 'failures', record: recordIn(row) as never };
  }
  yield* channelTags(database);
  for await (const row of byKey<Row>(database, 'plans')) {
    yield { noun: 'plans', record: recordIn(row) as never };
  }
  for await (const row of bySequence<PromotionRow>(database, 'promotions')) {
    yield { noun: 'promotions', record: readPromotion(row) };
  }
  for await (const row of byKey<RetractionRow>(database, 'retractions')) {
    yield { noun: 'retractions', record: retractionOf(row) };
  }
  for await (const row of bySequence<Row>(database, 'results')) {
    yield { noun: 'results', record: recordIn(row) as never };
  }
  for await (const row of bySequence<ReportRow>(database, 'reports')) {
    yield { noun: 'reports', record: await readReport(database, row) };
  }
  for await (const row of bySequence<Row>(database, 'waivers')) {
    yield { noun: 'waivers', record: recordIn(row) as never };
  }
  for await (const row of byKey<Row>(database, 'publications')) {
    yield { noun: 'publications', record: recordIn(row) as never };
  }
  for await (const row of byKey<Row>(database, 'confirmations')) {
    yield { noun: 'confirmations', record: recordIn(row) as never };
  }
  for await (const row of byKey<Row>(database, 'mirrors')) {
    yield { noun: 'mirrors', record: recordIn(row) as never };
  }
  for await (const row of byKey<PoolRow>(database, 'pool')) {
    if (row.gone !== undefined) continue;
    yield { noun: 'pool', record: { tree: row.tree, ...readPoolObject(row) } };
  }
  for await (const { _id, serial } of byKey<SerialRow>(database, 'pool_serials')) {
    yield { noun: 'poolSerials', record: { tree: _id, serial } };
  }
  for await (const row of byKey<GarbageRow>(database, 'garbage')) {
    yield { noun: 'garbage', record: readBlob(row) };
  }
  for await (const row of bySequence<TaskRow>(database, 'tasks')) {
    yield { noun: 'tasks', record: { ...(recordIn(row) as object), revision: row.revision } as never };
  }
  for await (const { _id, fence } of byKey<LeaseRow>(database, 'leases')) {
    yield { noun: 'leases', record: { name: _id, fence } };
  }
  for await (const row of bySequence<Row>(database, 'access_tokens')) {
    yield { noun: 'tokens', record: recordIn(row) as never };
  }
  for await (const row of byKey<AuditRow>(database, 'audit')) {
    for (const record of entriesIn(row)) yield { noun: 'audit', record };
  }
  for await (const row of byKey<Row>(database, 'modes')) {
    yield { noun: 'modes', record: recordIn(row) as never };
  }
  for await (const row of bySequence<Row>(database, 'purges')) {
    yield { noun: 'purges', record: recordIn(row) as never };
  }
  yield* waitingEvents(database);
}

/** How many of each noun there are. Those that are parts of larger rows are counted one by one. */
export async function countsOf(database: Database): Promise<CatalogCounts> {
  const counts = emptyCounts();
  const count = (name: CollectionName, filter: Document = {}) =>
    database.call(() => database.collection(name).countDocuments(filter));
  for (const noun of CATALOG_NOUNS) {
    if (noun === 'channels') counts[noun] = await lengthOf(channelTags(database));
    else if (noun === 'outbox') counts[noun] = await lengthOf(waitingEvents(database));
    else if (noun === 'audit') counts[noun] = await countEntries(database);
    else if (noun === 'tokens') counts[noun] = await count('access_tokens');
    else if (noun === 'poolSerials') counts[noun] = await count('pool_serials');
    else if (noun === 'pool')
      counts[noun] = (await count('pool')) - (await count('pool', { gone: { $gt: '' } }));
    else counts[noun] = await count(noun);
  }
  return counts;
}

async function countEntries(database: Database): Promise<number> {
  let entries = 0;
  for await (const { _id, last } of byKey<AuditRow>(database, 'audit', { last: 1 }))
    entries += last - Number(_id) + 1;
  return entries;
}

/** Rows in the order of their keys, which are texts. */
export function byKey<R extends { readonly _id: string }>(
  database: Database,
  name: CollectionName,
  fields?: Readonly<Record<string, 0 | 1>>,
): AsyncGenerator<R> {
  return inOrder<R>(database, name, '_id_', '_id', '', fields);
}

function bySequence<R>(database: Database, name: ListedNoun): AsyncGenerator<R & { sequence: number }> {
  return inOrder(database, name, `${name}_sequence`, 'sequence', -1);
}

/** Rows in the order of a field that is another in each. */
async function* inOrder<R>(
  database: Database,
  name: CollectionName,
  index: IndexName | '_id_',
  field: string,
  beforeAll: string | number,
  fields?: Readonly<Record<string, 0 | 1>>,
): AsyncGenerator<R> {
  const rows = database.collection(name);
  for (let last: unknown = beforeAll; ;) {
    const after = last;
    const page = await database.call(() =>
      database.find(rows, {
        index,
        filter: { [field]: { $gt: after } },
        sort: { [field]: 1 },
        limit: ROWS_A_QUERY,
        ...(fields === undefined ? {} : { fields }),
      }),
    );
    yield* page as R[];
    if (page.length < ROWS_A_QUERY) return;
    last = page.at(-1)?.[field];
  }
}

async function* channelTags(database: Database): AsyncGenerator<Extract<CatalogEntry, { noun: 'channels' }>> {
  const channels = mongodbChannels(database);
  for await (const { channel, repository } of byKey<ChannelRow>(database, 'channels', { pieces: 0 })) {
    let cursor: string | null | undefined;
    do {
      const page = await channels.listTags(channel, repository, {
        limit: ROWS_A_QUERY,
        ...(cursor == null ? {} : { cursor }),
      });
      for (const record of page.items) yield { noun: 'channels', record };
      cursor = page.next;
    } while (cursor !== null);
  }
}

type Waiting = Extract<CatalogEntry, { noun: 'outbox' }>;

/** What waits, the oldest record first; those of one record together. */
async function* waitingEvents(database: Database): AsyncGenerator<Waiting> {
  const sources = await Promise.all(
    EVENT_NOUNS.map(async (noun) => {
      const rows = waitingRows(database, noun);
      return { rows, first: (await rows.next()).value as OutboxRow | undefined };
    }),
  );
  for (;;) {
    const oldest = sources
      .filter(({ first }) => first !== undefined)
      .toSorted((a, b) => (a.first?.waitingSince ?? 0) - (b.first?.waitingSince ?? 0))[0];
    if (oldest === undefined) return;
    for (const { at, event } of oldest.first?.outbox ?? []) {
      const storedAt = new Date(Math.floor(at)).toISOString();
      yield { noun: 'outbox', record: { event: JSON.parse(event) as OutboxEvent, storedAt } };
    }
    oldest.first = (await oldest.rows.next()).value as OutboxRow | undefined;
  }
}

/** Rows with events, by since when the oldest waits: several may do so since one moment. */
async function* waitingRows(
  database: Database,
  noun: (typeof EVENT_NOUNS)[number],
): AsyncGenerator<OutboxRow> {
  const rows = database.collection<OutboxRow>(noun);
  let last = 0;
  let seen = new Set<string>();
  for (;;) {
    const limit = ROWS_A_QUERY + seen.size;
    const from = last;
    const page = await database.call(() =>
      database.find(rows, {
        index: `${noun}_outbox`,
        filter: { waitingSince: { $gte: from } },
        sort: { waitingSince: 1 },
        limit,
        fields: { outbox: 1, waitingSince: 1 },
      }),
    );
    for (const row of page) {
      if (seen.has(row._id)) continue;
      const at = row.waitingSince ?? 0;
      if (at !== last) seen = new Set();
      last = at;
      seen.add(row._id);
      yield row;
    }
    if (page.length < limit) return;
  }
}

async function lengthOf(entries: AsyncIterable<unknown>): Promise<number> {
  let length = 0;
  for await (const _ of entries) length++;
  return length;
}
