import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Fault } from '@gantry/oci';
import {
  CATALOG_NOUNS,
  type CatalogCounts,
  type CatalogEntry,
  type CatalogNoun,
  type CatalogTransfer,
  emptyCounts,
  inBatches,
  type LoadOptions,
  mustBeEmpty,
  mustHaveAll,
} from '../transfer.ts';
import { Database } from './database.ts';
import { catalogFault, sqliteFailure, unusableFile } from './failures.ts';
import { LOCK_WAIT_MS, whenUnlocked } from './locks.ts';
import { openFile } from './open-database.ts';
import { inTransaction, isHalfFilled, markAs } from './schema.ts';
import { STORED } from './stored-nouns.ts';
import { sqliteWorkers } from './workers.ts';

/**
 * Opens the catalog in a file as a whole. An older schema is brought to the newest first, in a source too.
 * @throws Fault CONFIGURATION_INVALID for a source that is absent or half filled
 */
export async function openSqliteTransfer(
  { file }: { readonly file: string },
  as: 'source' | 'target',
): Promise<CatalogTransfer> {
  if (as === 'source') await mustExist(resolve(file));
  return openFile(file, as === 'target', transferOf);
}

async function mustExist(file: string): Promise<void> {
  try {
    await stat(file);
  } catch (cause) {
    throw unusableFile(file, 'is absent: name the file of a catalog', cause);
  }
}

function transferOf(sqlite: DatabaseSync, name: string): CatalogTransfer {
  const attempt = async <T>(work: () => T): Promise<T> => {
    try {
      return await whenUnlocked(work, LOCK_WAIT_MS);
    } catch (error) {
      throw catalogFault(error, name);
    }
  };
  const change = <T>(work: () => T) => attempt(() => inTransaction(sqlite, 'BEGIN IMMEDIATE', work));
  const countNow = () => countAll(sqlite);

  return {
    name,
    isHalfFilled: () => attempt(() => isHalfFilled(sqlite)),
    count: () => attempt(() => inTransaction(sqlite, 'BEGIN', countNow)),
    workers: () => sqliteWorkers(new Database(sqlite, name)).list(),

    async *dump() {
      try {
        sqlite.exec('BEGIN'); // all of it is read as it was at one moment
        for (const noun of CATALOG_NOUNS) yield* rowsOf(sqlite, noun);
      } catch (error) {
        throw catalogFault(error, name);
      } finally {
        if (sqlite.isTransaction) sqlite.exec('ROLLBACK');
      }
    },

    async load(entries, { signal, onProgress }: LoadOptions = {}) {
      // Held until the file is closed, or this process dies: nobody else can have it open.
      sqlite.exec('PRAGMA locking_mode = EXCLUSIVE');
      await begin(sqlite, name);
      // No commit waits for the disk until the last: a loss of power takes the last transactions, and leaves the mark.
      sqlite.exec('PRAGMA wal_autocheckpoint = 16384');
      const inserts = new Map<CatalogNoun, StatementSync>();
      const loaded = emptyCounts();
      for await (const batch of inBatches(entries)) {
        signal?.throwIfAborted();
        const [{ noun }] = batch;
        const insert = inserts.getOrInsertComputed(noun, () => sqlite.prepare(STORED[noun].insert));
        await change(() => {
          for (const { record } of batch) insert.run(...STORED[noun].values(record as never));
        });
        loaded[noun] += batch.length;
        onProgress?.({ ...loaded });
        await nextTurn();
      }
      sqlite.exec('PRAGMA synchronous = FULL'); // the last commit waits for the disk, with all before it
      return change(() => {
        const held = countNow();
        mustHaveAll(name, loaded, held);
        markAs(sqlite, 'whole');
        return held;
      });
    },

    async [Symbol.asyncDispose]() {
      if (sqlite.isOpen) sqlite.close();
    },
  };
}

/** Marks the file, and empties it if it is marked already. */
async function begin(sqlite: DatabaseSync, name: string): Promise<void> {
  try {
    inTransaction(sqlite, 'BEGIN IMMEDIATE', () => {
      if (isHalfFilled(sqlite)) {
        for (const noun of CATALOG_NOUNS) {
          if (noun !== 'leases') sqlite.exec(`DELETE FROM ${STORED[noun].table}`);
        }
      } else mustBeEmpty(name, countAll(sqlite));
      markAs(sqlite, 'half filled');
    });
  } catch (error) {
    if (sqliteFailure(error) !== 'locked') throw catalogFault(error, name);
    throw new Fault(
      'UNAVAILABLE',
      `the catalog ${name} is open in another process: stop what works on it, and start again`,
      { file: name },
      { cause: error },
    );
  }
}

function countAll(sqlite: DatabaseSync): CatalogCounts {
  const counts = emptyCounts();
  for (const noun of CATALOG_NOUNS) {
    const row = sqlite.prepare(`SELECT count(*) AS count FROM ${STORED[noun].table}`).get();
    counts[noun] = row?.['count'] as number;
  }
  return counts;
}

const ROWS_A_TURN = 500;

async function* rowsOf(sqlite: DatabaseSync, noun: CatalogNoun): AsyncGenerator<CatalogEntry> {
  const { select, read } = STORED[noun];
  let rows = 0;
  for (const row of sqlite.prepare(select).iterate()) {
    yield { noun, record: read(row as never) } as CatalogEntry;
    if (++rows % ROWS_A_TURN === 0) await nextTurn();
  }
}
