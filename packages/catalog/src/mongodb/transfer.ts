import { Fault } from '@gantry/oci';
import type { Document } from 'mongodb';
import {
  type CatalogEntry,
  type CatalogNoun,
  type CatalogTransfer,
  emptyCounts,
  inBatches,
  type LoadOptions,
  mustBeEmpty,
  mustHaveAll,
} from '../transfer.ts';
import { accessTokenRow } from './access-tokens.ts';
import { auditRow } from './audit.ts';
import { type CandidateRow, candidateRow } from './candidates.ts';
import { mongodbChannels } from './channels.ts';
import { confirmationRow, mirrorRow } from './confirmations.ts';
import type { Database } from './database.ts';
import { mustBeNumber, type Row, text } from './documents.ts';
import { byKey, countsOf, dumpOf } from './dump.ts';
import { isMarked, markAsFilling } from './filling.ts';
import { garbageRow } from './garbage.ts';
import { type CollectionName, COLLECTIONS } from './indexes.ts';
import type { CreatedRow } from './insert-listed.ts';
import type { LeaseRow } from './leases.ts';
import { manifestRow } from './manifests.ts';
import { modeRow } from './modes.ts';
import type { ListedNoun } from './newest-first.ts';
import { openDatabase } from './open-database.ts';
import { type OutboxRow, STEP_MS } from './outbox.ts';
import { planRow } from './plans.ts';
import { poolRow } from './pool.ts';
import { promotionRow } from './promotions.ts';
import { publicationRow } from './publications.ts';
import { purgeRow } from './purges.ts';
import { insertMissing } from './put-many.ts';
import { findingsRow, reportRow } from './reports.ts';
import { resultRow } from './results.ts';
import { retractionRow } from './retractions.ts';
import { failureRow } from './sync-failures.ts';
import { taskRow } from './tasks.ts';
import { newToken } from './tokens.ts';
import { waiverRow } from './waivers.ts';
import { mongodbWorkers } from './workers.ts';

type RecordOf<Noun extends CatalogNoun> = Extract<CatalogEntry, { noun: Noun }>['record'];

/** What stays when a catalog is emptied to be filled anew: sequences and fences only ever grow. */
const STAYING: readonly CollectionName[] = ['schema', 'counters', 'leases', 'workers'];
const KEYS_A_QUERY = 1000;

/**
 * Opens the catalog in a MongoDB database as a whole.
 * @throws Fault CONFIGURATION_INVALID for a source that is half filled, or an address that can't be used; UNAVAILABLE
 */
export function openMongodbTransfer(
  { url }: { readonly url: string },
  as: 'source' | 'target',
): Promise<CatalogTransfer> {
  return openDatabase(url, transferOf, { mayBeHalfFilled: as === 'target' });
}

function transferOf(database: Database): CatalogTransfer {
  return {
    name: database.name,
    isHalfFilled: () => isMarked(database),
    count: () => countsOf(database),
    workers: () => mongodbWorkers(database).list(),
    dump: () => dumpOf(database),

    async load(entries, { signal, onProgress }: LoadOptions = {}) {
      const wasMarked = await isMarked(database);
      if (!wasMarked) mustBeEmpty(database.name, await countsOf(database));
      const mark = await markAsFilling(database, signal);
      let isWhole = false;
      try {
        if (wasMarked) await emptyAll(database, mark.beat);
        const loaded = emptyCounts();
        const write = writerFor(database);
        for await (const batch of inBatches(entries)) {
          signal?.throwIfAborted();
          await mark.beat();
          await write(batch);
          loaded[batch[0].noun] += batch.length;
          onProgress?.({ ...loaded });
        }
        const held = await countsOf(database);
        mustHaveAll(database.name, loaded, held);
        await mark.end();
        isWhole = true;
        return held;
      } finally {
        // What fails here is told by what failed before it.
        if (!isWhole) await mark.leave().catch(() => undefined);
      }
    },

    [Symbol.asyncDispose]: () => database.close(),
  };
}

async function emptyAll(database: Database, beat: () => Promise<void>): Promise<void> {
  for (const name of COLLECTIONS.filter((each) => !STAYING.includes(each))) {
    const rows = database.collection<{ _id: string }>(name);
    let ids: string[] = [];
    const remove = async () => {
      await beat();
      await database.call(() => rows.deleteMany({ _id: { $in: ids } }));
      ids = [];
    };
    for await (const { _id } of byKey<{ _id: string }>(database, name, { _id: 1 })) {
      ids.push(_id);
      if (ids.length === KEYS_A_QUERY) await remove();
    }
    if (ids.length > 0) await remove();
  }
}

/** Gives what writes a batch of one noun. Sequences are given anew, in the order in which the records come. */
function writerFor(database: Database): (batch: readonly [CatalogEntry, ...CatalogEntry[]]) => Promise<void> {
  const token = newToken();
  const sequences = new Map<ListedNoun, number>();
  let lastAt = 0;
  let auditClock = '';
  const insert = async (name: CollectionName, rows: readonly { readonly _id: string }[]) => {
    const collection = database.collection<{ readonly _id: string }>(name);
    await database.call(() => insertMissing(collection, rows));
  };
  /** Rows that get sequences, in the order in which they come. */
  const insertListed = async <T>(
    name: ListedNoun,
    records: readonly T[],
    rowAt: (record: T, sequence: number) => CreatedRow | CandidateRow,
  ) => {
    const before = sequences.get(name) ?? 0;
    await insert(
      name,
      records.map((record, at) => rowAt(record, before + at + 1)),
    );
    sequences.set(name, before + records.length);
    await database.call(() => database.counters.raise(name, before + records.length));
  };
  const writers: { readonly [Noun in CatalogNoun]: (records: readonly RecordOf<Noun>[]) => Promise<void> } = {
    manifests: (records) => insert('manifests', records.map(manifestRow)),
    candidates: (records) => insertListed('candidates', records, candidateRow),
    failures: (records) => insert('failures', records.map(failureRow)),
    async channels(records) {
      const channels = mongodbChannels(database);
      const repositories = Map.groupBy(records, ({ channel, repository }) =>
        JSON.stringify([channel, repository]),
      );
      for (const tags of repositories.values()) {
        const [first] = tags;
        if (first !== undefined) await channels.apply(first.channel, first.repository, tags, []);
      }
    },
    plans: (records) =>
      insert(
        'plans',
        records.map((record) => planRow(record, token)),
      ),
    retractions: (records) => insert('retractions', records.map(retractionRow)),
    results: (records) =>
      insertListed('results', records, (record, sequence) => resultRow(record, sequence, token)),
    async reports(records) {
      const findings = records.map(findingsRow);
      await insert('report_findings', findings);
      const found = records.map((record, at) => ({ record, findings: (findings[at] as Row)._id }));
      await insertListed('reports', found, (one, sequence) =>
        reportRow(one.record, one.findings, sequence, token),
      );
    },
    waivers: (records) =>
      insertListed('waivers', records, (record, sequence) => waiverRow(record, sequence, token)),
    tokens: (records) =>
      insertListed('access_tokens', records, (record, sequence) => accessTokenRow(record, sequence, token)),
    async audit(records) {
      const row = auditRow(records, auditClock, token);
      await insert('audit', [row]);
      auditClock = row.clock;
    },
    modes: (records) =>
      insert(
        'modes',
        records.map((record) => modeRow(record, token)),
      ),
    purges: (records) =>
      insertListed('purges', records, (record, sequence) => purgeRow(record, sequence, token)),
    async promotions(records) {
      await insert(
        'promotions',
        records.map((record) => promotionRow(record, token)),
      );
      const highest = records.at(-1)?.sequence ?? 0;
      await database.call(() => database.counters.raise('promotions', mustBeNumber(highest)));
    },
    publications: (records) =>
      insert(
        'publications',
        records.map((record) => publicationRow(record, token)),
      ),
    confirmations: (records) =>
      insert(
        'confirmations',
        records.map((record) => confirmationRow(record, token)),
      ),
    mirrors: (records) => insert('mirrors', records.map(mirrorRow)),
    pool: (records) =>
      insert(
        'pool',
        records.map(({ tree, ...object }) => poolRow(text(tree), object, object.since)),
      ),
    poolSerials: (records) =>
      insert(
        'pool_serials',
        records.map(({ tree, serial }) => ({ _id: text(tree), serial: mustBeNumber(serial) })),
      ),
    garbage: (records) => insert('garbage', records.map(garbageRow)),
    tasks: (records) =>
      insertListed('tasks', records, (record, sequence) => taskRow(record, sequence, token)),
    async leases(records) {
      const rows = database.collection<LeaseRow>('leases');
      for (const { name, fence } of records) {
        await database.call(() =>
          rows.updateOne(
            { _id: text(name) },
            { $max: { fence: mustBeNumber(fence) }, $setOnInsert: { holder: null, expiresAtMs: 0 } },
            { upsert: true },
          ),
        );
      }
    },
    async outbox(records) {
      for (const { event, storedAt } of records) {
        // Never a whole number: not all servers sort those among fractions.
        lastAt = Math.max(Date.parse(text(storedAt)), lastAt) + STEP_MS;
        await keepEvent(database, event, lastAt);
      }
    },
  };
  return (batch) => writers[batch[0].noun](batch.map(({ record }) => record) as never);
}

/** Puts an event that waits into the row of its record. */
async function keepEvent(database: Database, event: RecordOf<'outbox'>['event'], at: number): Promise<void> {
  const rows = database.collection<OutboxRow>(event.record.noun);
  const _id = text(event.record.key);
  const id = text(event.id);
  const update: Document = {
    $push: { outbox: { id, at, event: JSON.stringify(event) } },
    $min: { waitingSince: at },
    $inc: { version: 1 },
  };
  const found = await database.call(async () => {
    const { matchedCount } = await rows.updateOne({ _id, 'outbox.id': { $ne: id } }, update);
    return matchedCount > 0 || (await rows.findOne({ _id }, { projection: { _id: 1 } })) !== null;
  });
  if (found) return;
  throw new Fault(
    'UNAVAILABLE',
    `the event ${event.id} waits for a record of ${event.record.noun} that the source does not hold: let the services send it before, or restore the source from a backup`,
    { event: event.id },
  );
}
