import type { PoolObject } from '../index.ts';
import type { CatalogPlace } from '../catalog.contract.ts';
import { poolObject, time } from './samples.ts';

export function poolContract(open: () => Promise<CatalogPlace>): void {
  test('an empty pool has serial 0 and no objects', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    expect(await pool.serial('tree')).toBe(0);
    expect(await Array.fromAsync(pool.list('tree'))).toEqual([]);
    expect(await pool.getAll('tree', ['a'])).toEqual(new Map());
  });

  test('lists are applied in order: what they add, replace and take away', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    await pool.apply('tree', 1, [poolObject('a'), poolObject('b')], []);
    await pool.apply(
      'tree',
      3,
      [poolObject('b', { size: 11 }), poolObject('c', { since: 3 })],
      ['a', 'unknown'],
    );
    expect(await Array.fromAsync(pool.list('tree'))).toEqual([
      poolObject('b', { size: 11 }),
      poolObject('c', { since: 3 }),
    ]);
    expect(await pool.serial('tree')).toBe(3);
    expect(await pool.serial('other')).toBe(0);
    expect(await Array.fromAsync(pool.list('other'))).toEqual([]);
  });

  test('a serial that was applied, or a lower one, changes nothing', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    await pool.apply('tree', 5, [poolObject('a')], []);
    await pool.apply('tree', 5, [poolObject('b')], ['a']);
    await pool.apply('tree', 4, [poolObject('c')], ['a']);
    await Promise.all(
      [6, 6, 6].map((serial) => pool.apply('tree', serial, [poolObject('d', { since: 6 })], [])),
    );
    expect(await Array.fromAsync(pool.list('tree'))).toEqual([
      poolObject('a'),
      poolObject('d', { since: 6 }),
    ]);
    expect(await pool.serial('tree')).toBe(6);
  });

  test('list goes by bytes, not by a language', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    const paths = ['B', 'a', '_', 'a/b', 'a-b', 'a.b', 'ab', 'é', '\u{1F600}', '\uFFFD', '10', '9'];
    await pool.apply(
      'tree',
      1,
      paths.map((path) => poolObject(path)),
      [],
    );
    const listed = (await Array.fromAsync(pool.list('tree'))).map(({ path }) => path);
    expect(listed).toEqual(paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  test('thousands of objects: applied, found and listed', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    const objects: PoolObject[] = Array.from({ length: 12_500 }, (_, at) =>
      poolObject(`pool/${String(at).padStart(5, '0')}`, { size: at }),
    );
    await pool.apply('tree', 1, objects, []);
    expect(await Array.fromAsync(pool.list('tree'))).toEqual(objects);
    const wanted = objects.filter((_, at) => at % 2 === 0);
    const found = await pool.getAll('tree', [...wanted.map(({ path }) => path), 'unknown', 'pool/00000']);
    expect(found).toEqual(new Map(wanted.map((object) => [object.path, object])));
  });

  test('an object is condemned once, the oldest come first, and what is spared is as it was', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    const paths = ['a', 'b', 'c', 'é'];
    for (const tree of ['tree', 'tre'])
      await pool.apply(
        tree,
        1,
        paths.map((path) => poolObject(path)),
        [],
      );
    await pool.condemn('tree', ['b', 'unknown'], time(1));
    await pool.condemn('tree', ['a', 'b', 'é'], time(2));
    await pool.condemn('tre', ['c'], time(0));
    await pool.condemn('tree', [], time(0));
    const condemned = async (second: number) =>
      (await pool.condemned('tree', time(second), 10)).toSorted((a, b) => (a.path < b.path ? -1 : 1));
    expect(await condemned(0)).toEqual([]);
    expect(await condemned(1)).toEqual([condemnedAt('b', 1)]);
    expect(await condemned(9)).toEqual([condemnedAt('a', 2), condemnedAt('b', 1), condemnedAt('é', 2)]);
    expect(await pool.condemned('tree', time(9), 1)).toEqual([condemnedAt('b', 1)]);
    expect(await Array.fromAsync(pool.list('tree'))).toEqual([
      condemnedAt('a', 2),
      condemnedAt('b', 1),
      poolObject('c'),
      condemnedAt('é', 2),
    ]);
    expect(await pool.getAll('tree', ['b', 'c'])).toEqual(
      new Map([
        ['b', condemnedAt('b', 1)],
        ['c', poolObject('c')],
      ]),
    );
    await pool.spare('tree', ['b', 'c', 'unknown']);
    await pool.spare('tree', []);
    expect(await condemned(9)).toEqual([condemnedAt('a', 2), condemnedAt('é', 2)]);
    expect(await pool.getAll('tree', ['b'])).toEqual(new Map([['b', poolObject('b')]]));
    await pool.condemn('tree', ['b'], time(5));
    expect(await condemned(9)).toEqual([condemnedAt('a', 2), condemnedAt('b', 5), condemnedAt('é', 2)]);
  });

  test('an object that is added anew, or taken away, is not condemned any more', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    await pool.apply('tree', 1, [poolObject('a'), poolObject('b'), poolObject('c')], []);
    await pool.condemn('tree', ['a', 'b', 'c'], time(1));
    const [a] = await pool.condemned('tree', time(1), 1);
    await pool.apply('tree', 2, [a ?? poolObject('a')], ['b']);
    expect((await pool.condemned('tree', time(9), 10)).map(({ path }) => path)).toEqual(['c']);
    await pool.condemn('tree', ['b'], time(1)); // it is not there
    await pool.apply('tree', 3, [poolObject('b', { since: 3 })], []);
    expect(await Array.fromAsync(pool.list('tree'))).toEqual([
      poolObject('a'),
      poolObject('b', { since: 3 }),
      poolObject('c', { condemned: time(1) }),
    ]);
  });

  test('more objects than one query takes: condemned and spared', async () => {
    await using place = await open();
    const { pool } = await place.connect();
    const paths = Array.from({ length: 600 }, (_, at) => `p${at}`);
    await pool.apply(
      'tree',
      1,
      paths.map((path) => poolObject(path)),
      [],
    );
    await pool.condemn('tree', paths, time(1));
    expect(await pool.condemned('tree', time(1), 5000)).toHaveLength(600);
    expect(await pool.condemned('tree', time(1), 500)).toHaveLength(500);
    await pool.spare('tree', paths.slice(1));
    expect(await pool.condemned('tree', time(1), 5000)).toHaveLength(1);
  });
}

/** An object condemned at a second. */
function condemnedAt(path: string, second: number): PoolObject {
  return poolObject(path, { condemned: time(second) });
}
