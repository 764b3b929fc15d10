import type { PoolObject } from '../index.ts';
import type { CatalogPlace } from '../catalog.contract.ts';
import { poolObject } from './samples.ts';

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
    const objects: PoolObject[] = Array.from({ length: 5000 }, (_, at) =>
      poolObject(`pool/${String(at).padStart(5, '0')}`, { size: at }),
    );
    await pool.apply('tree', 1, objects, []);
    expect(await Array.fromAsync(pool.list('tree'))).toEqual(objects);
    const wanted = objects.filter((_, at) => at % 2 === 0);
    const found = await pool.getAll('tree', [...wanted.map(({ path }) => path), 'unknown', 'pool/00000']);
    expect(found).toEqual(new Map(wanted.map((object) => [object.path, object])));
  });
}
