import type { Filter, UpdateFilter } from 'mongodb';
import type { Pool } from '../catalog.ts';
import type { PoolObject } from '../records.ts';
import type { Database } from './database.ts';
import { fromSortable, inParts, is, keyOf, mustBeNumber, sortable, text } from './documents.ts';
import { insertMissing, replaceMany } from './put-many.ts';

export interface PoolRow {
  readonly _id: string;
  readonly tree: string;
  /** The path, `sortable`. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly since: number;
  /** The serial that wrote the row: one below it never does again. */
  readonly serial: number;
  /** Set on an object that was taken away: its tree and the serial that did it. */
  readonly gone?: string;
  /** Set on an object that is condemned: its tree and since when. */
  readonly condemned?: string;
}

export interface SerialRow {
  /** The tree. */
  readonly _id: string;
  readonly serial: number;
}

/** How many objects are read or written at a time. */
const OBJECTS_A_QUERY = 1000;
/** How many are updated at once: few enough that nothing else waits long for that. */
const OBJECTS_AN_UPDATE = 250;
/**
 * For how many serials an object that was taken away is remembered, so that a publisher that was stopped in the middle
 * of a write, and wakes after its successor took the object away, does not bring it back.
 */
const REMEMBERED_SERIALS = 100;

export function mongodbPool(database: Database): Pool {
  const rows = database.collection<PoolRow>('pool');
  const serials = database.collection<SerialRow>('pool_serials');
  const applied = async (tree: string) => (await serials.findOne({ _id: text(tree) }))?.serial ?? 0;
  const rowsOf = (keys: readonly string[]) =>
    database.find(rows, { index: '_id_', filter: { _id: { $in: keys } } });

  return {
    async getAll(tree, paths) {
      const found = new Map<string, PoolObject>();
      for (const some of inParts([...new Set(paths)], OBJECTS_A_QUERY)) {
        const keys = some.map((path) => keyOf(tree, path));
        for (const row of await database.call(() => rowsOf(keys)))
          if (row.gone === undefined) found.set(fromSortable(row.path), readPoolObject(row));
      }
      return found;
    },
    async apply(tree, serial, added, removed) {
      await database.whole(async () => {
        if (serial <= (await database.attempt(() => applied(tree)))) return;
        for (const some of inParts(removed, OBJECTS_A_QUERY))
          await database.attempt(() => takeAway(tree, serial, some));
        for (const some of inParts(added, OBJECTS_A_QUERY))
          await database.attempt(() => add(some.map((object) => poolRow(tree, uncondemned(object), serial))));
        await database.attempt(() => forget(tree, serial - REMEMBERED_SERIALS));
        await database.attempt(() =>
          serials.updateOne(
            { _id: text(tree) },
            { $max: { serial: mustBeNumber(serial) } },
            { upsert: true },
          ),
        );
      });
    },
    async condemn(tree, paths, at) {
      const condemned = inTree(tree, text(at));
      await updateAll(tree, paths, { gone: ABSENT, condemned: ABSENT }, { $set: { condemned } });
    },
    spare: (tree, paths) => updateAll(tree, paths, { condemned: PRESENT }, { $unset: { condemned: '' } }),
    async condemned(tree, before, limit) {
      const found = await database.call(() =>
        database.find(rows, {
          index: 'pool_condemned',
          filter: { condemned: { $gt: inTree(tree, ''), $lte: inTree(tree, text(before)) } },
          sort: { condemned: 1 },
          limit,
        }),
      );
      return found.filter(({ gone }) => gone === undefined).map(readPoolObject);
    },
    serial: (tree) => database.call(() => applied(tree)),
    async *list(tree) {
      let last = '';
      for (;;) {
        const after = last;
        const page = await database.call(() =>
          database.find(rows, {
            index: 'pool_list',
            filter: { tree: is(tree), path: { $gt: after } },
            sort: { path: 1 },
            limit: OBJECTS_A_QUERY,
          }),
        );
        for (const row of page) if (row.gone === undefined) yield readPoolObject(row);
        const end = page.at(-1);
        if (end === undefined || page.length < OBJECTS_A_QUERY) return;
        last = end.path;
      }
    },
  };

  /** Most are new, so they are inserted; what is there already gives way to a higher serial. */
  async function add(wanted: readonly PoolRow[]): Promise<void> {
    const there = await insertMissing(rows, wanted);
    await replaceMany(rows, there, ({ serial }) => ({ serial: { $lt: serial } }));
  }

  async function takeAway(tree: string, serial: number, paths: readonly string[]): Promise<void> {
    const there = await rowsOf(paths.map((path) => keyOf(tree, path)));
    const older = there.filter((row) => row.serial < serial && row.gone === undefined);
    const gone = goneAt(tree, serial);
    await replaceMany(
      rows,
      older.map((row) => ({ ...uncondemned(row), serial, gone })),
      () => ({ serial: { $lt: serial } }),
    );
  }

  async function updateAll(
    tree: string,
    paths: readonly string[],
    those: Filter<PoolRow>,
    update: UpdateFilter<PoolRow>,
  ): Promise<void> {
    const keys = paths.map((path) => keyOf(tree, path));
    await database.whole(async () => {
      for (const some of inParts(keys, OBJECTS_AN_UPDATE))
        await database.attempt(() => rows.updateMany({ _id: { $in: some }, ...those }, update));
    });
  }

  async function forget(tree: string, below: number): Promise<void> {
    for (;;) {
      const old = await database.find(rows, {
        index: 'pool_gone',
        filter: { gone: { $gt: goneAt(tree, 0), $lt: goneAt(tree, Math.max(below, 0)) } },
        limit: OBJECTS_A_QUERY,
        fields: { _id: 1, gone: 1 },
      });
      if (old.length > 0) {
        const gone = { $lt: goneAt(tree, below) };
        await rows.deleteMany({ _id: { $in: old.map(({ _id }) => _id) }, gone });
      }
      if (old.length < OBJECTS_A_QUERY) return;
    }
  }
}

const ABSENT = { $exists: false };
const PRESENT = { $exists: true };

export function poolRow(tree: string, object: PoolObject, serial: number): PoolRow {
  const { path, size, sha256, since, condemned } = object;
  return {
    _id: keyOf(tree, path),
    tree,
    path: sortable(path),
    size: mustBeNumber(size),
    sha256: text(sha256),
    since: mustBeNumber(since),
    serial: mustBeNumber(serial),
    ...(condemned !== undefined && { condemned: inTree(tree, text(condemned)) }),
  };
}

/** Without its condemnation. */
function uncondemned<T extends { readonly condemned?: string }>(object: T): Omit<T, 'condemned'> {
  const { condemned: _, ...rest } = object;
  return rest;
}

function goneAt(tree: string, serial: number): string {
  return inTree(tree, String(serial).padStart(16, '0'));
}

/** A text that sorts by the tree, then by what it is of it. */
function inTree(tree: string, value: string): string {
  return `${sortable(tree)}\u0001${value}`;
}

/** The object in a row. */
export function readPoolObject({ tree, path, size, sha256, since, condemned }: PoolRow): PoolObject {
  return {
    path: fromSortable(path),
    size,
    sha256,
    since,
    ...(condemned !== undefined && { condemned: condemned.slice(inTree(tree, '').length) }),
  };
}
