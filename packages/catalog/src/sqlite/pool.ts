import type { Pool } from '../catalog.ts';
import type { PoolObject } from '../records.ts';
import type { Database } from './database.ts';

/** How many objects of a whole pool are read at a time. */
const OBJECTS_A_QUERY = 1000;
/** How many objects are added in one transaction. */
const OBJECTS_A_WRITE = 10_000;

export function sqlitePool(database: Database): Pool {
  const getAll = database.prepare(`
    SELECT pool.path, size, sha256, since, condemned FROM json_each(?) AS wanted CROSS JOIN pool ON tree = ? AND pool.path = wanted.value
  `);
  const after = database.prepare(`
    SELECT path, size, sha256, since, condemned FROM pool WHERE tree = ? AND path > ? ORDER BY path LIMIT ?
  `);
  const add = database.prepare(
    'INSERT OR REPLACE INTO pool (tree, path, size, sha256, since) VALUES (?, ?, ?, ?, ?)',
  );
  const remove = database.prepare('DELETE FROM pool WHERE tree = ? AND path = ?');
  const serialOf = database.prepare('SELECT serial FROM pool_serials WHERE tree = ?');
  const setSerial = database.prepare('INSERT OR REPLACE INTO pool_serials (tree, serial) VALUES (?, ?)');
  const condemn = database.prepare(
    'UPDATE pool SET condemned = ? WHERE tree = ? AND path = ? AND condemned IS NULL',
  );
  const spare = database.prepare(
    'UPDATE pool SET condemned = NULL WHERE tree = ? AND path = ? AND condemned IS NOT NULL',
  );
  const condemned = database.prepare(`
    SELECT path, size, sha256, since, condemned FROM pool
    WHERE tree = ? AND condemned <= ? ORDER BY condemned, path LIMIT ?
  `);
  const applied = (tree: string) => (serialOf.get(tree) as { serial: number } | undefined)?.serial ?? 0;

  return {
    async getAll(tree, paths) {
      const rows = await database.readMany([...new Set(paths)], (some) => getAll.all(some, tree));
      return new Map(rows.map(readPoolObject).map((object) => [object.path, object]));
    },
    async apply(tree, serial, added, removed) {
      const write = (work: () => void) =>
        database.write(() => {
          if (serial > applied(tree)) work();
        });
      const addAll = (objects: readonly PoolObject[]) => {
        for (const { path, size, sha256, since } of objects) add.run(tree, path, size, sha256, since);
      };
      // The first publication of a large tree would hold up all else for as long as it takes.
      let rest: PoolObject[] = [];
      for (const object of added) {
        if (rest.length === OBJECTS_A_WRITE) {
          const some = rest;
          await write(() => addAll(some));
          rest = [];
        }
        rest.push(object);
      }
      await write(() => {
        for (const path of removed) remove.run(tree, path);
        addAll(rest);
        setSerial.run(tree, serial);
      });
    },
    async condemn(tree, paths, at) {
      if (paths.length === 0) return;
      await database.write(() => {
        for (const path of paths) condemn.run(at, tree, path);
      });
    },
    async spare(tree, paths) {
      if (paths.length === 0) return;
      await database.write(() => {
        for (const path of paths) spare.run(tree, path);
      });
    },
    condemned: (tree, before, limit) =>
      database.read(() => condemned.all(tree, before, limit).map(readPoolObject)),
    serial: (tree) => database.read(() => applied(tree)),
    async *list(tree) {
      let last = '';
      for (;;) {
        const from = last;
        const page = await database.read(() => after.all(tree, from, OBJECTS_A_QUERY).map(readPoolObject));
        yield* page;
        const end = page.at(-1);
        if (end === undefined || page.length < OBJECTS_A_QUERY) return;
        last = end.path;
      }
    },
  };
}

/** An object as it stands in a row. */
export function readPoolObject(row: unknown): PoolObject {
  const { path, size, sha256, since, condemned } = row as Omit<PoolObject, 'condemned'> & {
    condemned: string | null;
  };
  return { path, size, sha256, since, ...(condemned !== null && { condemned }) };
}
