import type { Document } from 'mongodb';
import type { Candidates } from '../catalog.ts';
import { cursorsOf, pageOf, rowsFor } from '../page.ts';
import { candidateRecord } from '../record-keys.ts';
import type { Candidate, OutboxEvent, Timestamp } from '../records.ts';
import type { Database } from './database.ts';
import { inParts, is, mustBeNumber, placeOf, recordIn, text } from './documents.ts';
import { isDuplicate } from './failures.ts';
import { fillInCandidates } from './fill-in.ts';
import { heldBy } from './named-digests.ts';
import { catchUp, type ListedRow, newestFirst } from './newest-first.ts';
import { eventKeeper, type OutboxRow, withEvents } from './outbox.ts';

export interface CandidateRow extends ListedRow, OutboxRow {
  readonly source: string;
  readonly sourceRepository: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  /** Its digest, and those of its companions and referrers. */
  readonly holds: readonly string[];
}

const KEYS_A_QUERY = 1000;

export function mongodbCandidates(database: Database): Candidates {
  const rows = database.collection<CandidateRow>('candidates');
  const keep = eventKeeper(database);
  const list = newestFirst(database, rows, {
    name: 'candidates',
    time: ({ syncedAt }: Candidate) => syncedAt,
    indexes: [
      ['candidates_list'],
      ['candidates_list_repository', 'repository'],
      ['candidates_list_tag', 'tag'],
      ['candidates_list_digest', 'digest'],
      ['candidates_list_repository_tag', 'repository', 'tag'],
      ['candidates_list_repository_digest', 'repository', 'digest'],
    ],
    item: read,
    from: KEPT,
  });
  const cursors = cursorsOf('candidates-holding', ['string']);
  const nextSequence = () => database.counters.next('candidates');
  const newestOf = (source: string, sourceRepository: string, tag: string) =>
    database.first(rows, {
      index: 'candidates_of_source',
      filter: { source: is(source), sourceRepository: is(sourceRepository), tag: is(tag) },
      sort: { sequence: -1 },
    });

  return {
    put(candidate, events = [], turn) {
      const { collectedAt: _, ...whole } = candidate;
      return database.whole(() => put(whole, events, turn));
    },
    turn: () => database.call(nextSequence),
    async current(repository, tag) {
      const row = await database.call(() =>
        database.first(rows, {
          index: 'candidates_newest',
          filter: { repository: is(repository), tag: is(tag) },
          sort: { sequence: -1 },
        }),
      );
      return row && read(row);
    },
    async byDigest(repository, digest) {
      const row = await database.call(() =>
        database.first(rows, {
          index: 'candidates_list_repository_digest',
          filter: { repository: is(repository), digest: is(digest) },
          sort: { place: -1 },
        }),
      );
      return row && read(row);
    },
    async currentOf(source, sourceRepository) {
      const newest = await newestKeys(source, sourceRepository);
      const candidates = (
        await Promise.all(
          [...inParts(newest, KEYS_A_QUERY)].map((some) =>
            database.call(() => database.find(rows, { index: '_id_', filter: { _id: { $in: some } } })),
          ),
        )
      )
        .flat()
        .map(read);
      return new Map(
        candidates
          .filter(({ goneAt }) => goneAt === undefined)
          .toSorted((a, b) => (a.tag < b.tag ? -1 : 1))
          .map((candidate) => [candidate.tag, candidate]),
      );
    },
    markGone: (source, sourceRepository, tag, at) =>
      database.call(async () => {
        for (;;) {
          const row = await newestOf(source, sourceRepository, tag);
          if (row === undefined) return false;
          const candidate = read(row);
          if (candidate.goneAt !== undefined) return true;
          const { matchedCount } = await rows.updateOne(
            { _id: row._id, version: row.version },
            { $set: { document: JSON.stringify({ ...candidate, goneAt: at }) }, $inc: { version: 1 } },
          );
          if (matchedCount === 1) return true;
        }
      }),
    async sourceOf(repository) {
      const row = await database.call(() =>
        database.first(rows, {
          index: 'candidates_list_repository',
          filter: { repository: is(repository) },
          sort: { place: -1 },
          fields: { source: 1, sourceRepository: 1 },
        }),
      );
      return row && { source: row.source, sourceRepository: row.sourceRepository };
    },
    list: (query) => list({ repository: query.repository, tag: query.tag, digest: query.digest }, query),
    async holding(digest, { limit, cursor }) {
      const wanted = rowsFor(limit);
      const [after] = cursor === undefined ? [''] : cursors.decode(cursor);
      const found = await database.call(async () => {
        await fillInCandidates(rows);
        return database.find(rows, {
          index: 'candidates_holding',
          filter: { holds: is(digest), _id: { $gt: after } },
          sort: { _id: 1 },
          limit: wanted,
        });
      });
      return pageOf(found, limit, read, ({ _id }) => cursors.encode([_id]));
    },
    async collect(candidates, at) {
      const syncedAt = new Map(
        candidates.map((candidate) => [candidateRecord(mustBeTexts(candidate)).key, candidate.syncedAt]),
      );
      await database.whole(async () => {
        for (const some of inParts([...syncedAt.keys()], KEYS_A_QUERY)) {
          const sequences = new Map<string, number>();
          await database.attempt(() => collect(some, text(at), sequences, syncedAt));
        }
      });
    },
    async remove(candidates) {
      const keys = candidates.map((candidate) => candidateRecord(mustBeTexts(candidate)).key);
      await database.whole(async () => {
        for (const some of inParts(keys, KEYS_A_QUERY)) {
          const _id = { $in: some };
          const found = await database.attempt(() =>
            database.find(rows, { index: '_id_', filter: { _id }, fields: { sequence: 1 } }),
          );
          if (found.length === 0) continue;
          // One that is put again meanwhile stays, also when an answer is lost.
          const $lte = Math.max(...found.map(({ sequence }) => sequence));
          await database.attempt(() => rows.deleteMany({ _id, sequence: { $lte } }));
        }
      });
    },
  };

  /**
   * Mostly it is new, and inserted; else the row gives way to a sequence that is higher than its own. So a put is done
   * once, however often it is made, and one that was overtaken changes nothing but the outbox.
   */
  async function put(
    candidate: Candidate,
    events: readonly OutboxEvent[],
    turn: number | undefined,
  ): Promise<void> {
    const [kept, first] = await Promise.all([
      keep(events),
      turn === undefined ? database.attempt(nextSequence) : mustBeNumber(turn),
    ]);
    let sequence = first;
    await database.attempt(async () => {
      for (;;) {
        const row = candidateRow(candidate, sequence);
        const { _id, version: _, ...fields } = row;
        try {
          await rows.insertOne({ ...row, ...withEvents(kept) });
          return;
        } catch (error) {
          if (!isDuplicate(error)) throw error;
        }
        try {
          const $inc = { version: 1 };
          const older = { _id, sequence: { $lt: sequence } };
          const { matchedCount } = await rows.updateOne(older, { $set: fields, $inc, ...kept });
          if (matchedCount === 1) return;
        } catch (error) {
          if (!isDuplicate(error)) throw error;
        }
        const there = await rows.findOne({ _id }, { projection: { sequence: 1 } });
        if (there?.sequence === sequence) return;
        if (there !== null && there.sequence > sequence) return keepBeside(_id, kept, events);
        // It is the sequence that another has: the counter fell behind.
        if (await hasSequence(sequence)) {
          await catchUp(database, rows, 'candidates');
          sequence = await nextSequence();
        }
      }
    });
  }

  /** @param sequences of those that were seen first: one that is put again meanwhile is whole, and stays so */
  async function collect(
    keys: readonly string[],
    at: Timestamp,
    sequences: Map<string, number>,
    syncedAt: ReadonlyMap<string, Timestamp>,
  ): Promise<void> {
    for (;;) {
      const found = await database.find(rows, { index: '_id_', filter: { _id: { $in: keys } } });
      const updates = found
        .filter(({ _id, sequence }) => sequences.getOrInsert(_id, sequence) === sequence)
        .filter((row) => read(row).collectedAt === undefined && read(row).syncedAt === syncedAt.get(row._id))
        .map(({ _id, version, sequence, document }) => {
          const candidate = { ...(recordIn({ document }) as Candidate), collectedAt: at };
          const $set = { document: JSON.stringify(candidate), place: placeIn(candidate, sequence) };
          return { updateOne: { filter: { _id, version }, update: { $set, $inc: { version: 1 } } } };
        });
      if (updates.length === 0) return;
      const { matchedCount } = await rows.bulkWrite(updates, { ordered: false });
      if (matchedCount === updates.length) return; // else another wrote one of the rows meanwhile
    }
  }

  /** Stores the events of a put that was overtaken, unless they wait already. */
  async function keepBeside(_id: string, kept: Document, events: readonly OutboxEvent[]): Promise<void> {
    if (events.length === 0) return;
    const ids = events.map(({ id }) => text(id));
    await rows.updateOne({ _id, 'outbox.id': { $nin: ids } }, { $inc: { version: 1 }, ...kept });
  }

  async function hasSequence(sequence: number): Promise<boolean> {
    const row = await database.first(rows, {
      index: 'candidates_sequence',
      filter: { sequence: { $eq: sequence } },
      fields: { _id: 1 },
    });
    return row !== undefined;
  }

  /** The key of the newest candidate of each tag. Read from the index alone, whatever the number of older ones. */
  async function newestKeys(source: string, sourceRepository: string): Promise<string[]> {
    const found = await database.call(() =>
      database.find(rows, {
        index: 'candidates_of_source',
        filter: { source: is(source), sourceRepository: is(sourceRepository) },
        sort: { tag: 1, sequence: -1 },
        fields: { _id: 1, tag: 1 },
      }),
    );
    return found.filter(({ tag }, at) => tag !== found[at - 1]?.tag).map(({ _id }) => _id);
  }
}

/** The row of a candidate, at version 1. */
export function candidateRow(candidate: Candidate, sequence: number): CandidateRow {
  const { source, sourceRepository, repository, tag, digest } = mustBeTexts(candidate);
  text(sourceRepository);
  return {
    _id: candidateRecord(candidate).key,
    version: 1,
    source,
    sourceRepository,
    repository,
    tag,
    digest,
    holds: heldBy(candidate),
    sequence,
    place: placeIn(candidate, sequence),
    document: JSON.stringify(candidate),
  };
}

/** Those that were collected have a place below all others: lists begin above it, and who looks for the newest meets them last. */
function placeIn({ syncedAt, collectedAt }: Candidate, sequence: number): string {
  return `${collectedAt === undefined ? '' : COLLECTED}${placeOf(syncedAt, sequence)}`;
}

const COLLECTED = '-';
/** Times begin with a digit. */
const KEPT = '0';

/** A candidate whose key is of texts. @throws Fault REQUEST_INVALID */
function mustBeTexts<C extends Parameters<typeof candidateRecord>[0]>(candidate: C): C {
  const { source, repository, tag, digest } = candidate;
  for (const part of [source, repository, tag, digest]) text(part);
  return candidate;
}

const read = (row: CandidateRow) => recordIn(row) as Candidate;
