import type { CatalogPlace } from '../catalog.contract.ts';
import type { Failure, FailureKey } from '../index.ts';
import { allPages, failure, refusesBadPages, time } from './samples.ts';

export function failuresContract(open: () => Promise<CatalogPlace>): void {
  test('a failure comes back as it was put last, of a tag or of a repository as a whole', async () => {
    await using place = await open();
    const { failures } = await place.connect();
    const { tag: _, ...whole } = failure({ retryAt: null });
    const odd = failure({ tag: '__proto__', sourceRepository: 'candidate/"quoted"' });
    await failures.put([failure(), whole, odd]);
    await failures.put([failure({ attempts: 2, lastAt: time(9) })]);
    const found = await failures.getAll([keyOf(whole), keyOf(odd), keyOf(failure()), keyOf(odd)]);
    expect(sorted(found)).toEqual(sorted([failure({ attempts: 2, lastAt: time(9) }), odd, whole]));
    expect(await failures.getAll([{ ...keyOf(failure()), tag: 'other' }])).toEqual([]);
    expect(await failures.getAll([])).toEqual([]);
  });

  test('thousands are put, found and removed at once', async () => {
    await using place = await open();
    const { failures } = await place.connect();
    const many = Array.from({ length: 2500 }, (_, at) => failure({ tag: `t${at}` }));
    await failures.put(many);
    expect(await failures.getAll(many.map(keyOf))).toHaveLength(2500);
    await failures.remove(many.slice(1).map(keyOf));
    expect(await failures.list({ limit: 10 })).toEqual({ items: [many[0]], next: null });
  });

  test('what is removed takes nothing else with it, and may be gone already', async () => {
    await using place = await open();
    const { failures } = await place.connect();
    const { tag: _, ...whole } = failure();
    await failures.put([failure(), whole, failure({ source: 'other' })]);
    for (let times = 0; times < 2; times++) await failures.remove([keyOf(whole)]);
    await failures.remove([]);
    expect((await failures.list({ limit: 10 })).items).toEqual([failure(), failure({ source: 'other' })]);
  });

  test('due has those of one source whose time has come, the first of them first', async () => {
    await using place = await open();
    const { failures } = await place.connect();
    await failures.put([
      failure({ tag: 'later', retryAt: time(6) }),
      failure({ tag: 'now', retryAt: time(5) }),
      failure({ tag: 'first', retryAt: time(1) }),
      failure({ tag: 'never', retryAt: null }),
      failure({ tag: 'elsewhere', retryAt: time(1), source: 'other' }),
    ]);
    const tags = async (at: number, limit: number) =>
      (await failures.due('candidates', time(at), limit)).map(({ tag }) => tag);
    expect(await tags(5, 10)).toEqual(['first', 'now']);
    expect(await tags(5, 1)).toEqual(['first']);
    expect(await tags(0, 10)).toEqual([]);
    await failures.put([failure({ tag: 'first', retryAt: null })]);
    expect(await tags(9, 10)).toEqual(['now', 'later']);
  });

  test('list has all, or those of a source, by name, in pages of any size', async () => {
    await using place = await open();
    const { failures } = await place.connect();
    const all: Failure[] = [];
    for (const source of ['a', 'b']) {
      for (const sourceRepository of ['x', 'x/y', 'z']) {
        const { tag: _, ...whole } = failure({ source, sourceRepository });
        all.push(whole, failure({ source, sourceRepository, tag: '1' }));
      }
    }
    await failures.put(all.toReversed());
    for (const limit of [1, 5, 100]) {
      expect(await allPages((page) => failures.list(page), limit)).toEqual(all);
      const ofB = await allPages((page) => failures.list({ source: 'b', ...page }), limit);
      expect(ofB).toEqual(all.slice(6));
    }
    expect((await failures.list({ source: 'c', limit: 10 })).items).toEqual([]);
    await refusesBadPages((page) => failures.list(page));
  });
}

function keyOf({ source, sourceRepository, tag }: Failure): FailureKey {
  return { source, sourceRepository, ...(tag === undefined ? {} : { tag }) };
}

function sorted(failures: readonly Failure[]): string[] {
  return failures.map((one) => JSON.stringify(one, Object.keys(one).toSorted())).toSorted();
}
