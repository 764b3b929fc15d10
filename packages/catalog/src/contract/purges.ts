import type { CatalogPlace } from '../catalog.contract.ts';
import type { Purge } from '../index.ts';
import { digest, listsByFilters, purge, time } from './samples.ts';

export function purgesContract(open: () => Promise<CatalogPlace>): void {
  test('a digest is purged once, however many ask for it at once', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    expect(await one.purges.some()).toBe(false);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? one : other).purges.create(purge('one', { task: `t${at}` })),
      ),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    const made = purge('one', { task: `t${answers.findIndex(({ created }) => created)}` });
    for (const answer of answers) expect(answer.purge).toEqual(made);
    expect(await other.purges.get(digest('one'))).toEqual(made);
    expect(await other.purges.get(digest('two'))).toBeUndefined();
    expect(await other.purges.some()).toBe(true);
  });

  test('getAll tells which of thousands are purged', async () => {
    await using place = await open();
    const { purges } = await place.connect();
    for (const name of ['one', 'two']) await purges.create(purge(name));
    const many = Array.from({ length: 2500 }, (_, at) => digest(`m${at}`));
    expect(await purges.getAll([digest('two'), ...many, digest('one'), digest('two')])).toEqual(
      new Set([digest('one'), digest('two')]),
    );
    expect(await purges.getAll([])).toEqual(new Set());
  });

  test('list has all, newest first, in pages of any size', async () => {
    await using place = await open();
    const { purges } = await place.connect();
    const made: Purge[] = [];
    for (let at = 0; at < 7; at++)
      made.push((await purges.create(purge(`p${at}`, { at: time(Math.floor(at / 3)) }))).purge);
    await listsByFilters((query) => purges.list(query), made.toReversed(), {});
  });
}
