import type { CatalogPlace } from '../catalog.contract.ts';
import { retraction } from './samples.ts';

export function retractionsContract(open: () => Promise<CatalogPlace>): void {
  test('the retraction with the higher sequence counts, in whichever order they are put', async () => {
    await using place = await open();
    const { retractions } = await place.connect();
    for (const [tag, sequences] of Object.entries({ rising: [3, 7], falling: [7, 3], same: [7, 7] })) {
      for (const sequence of sequences) await retractions.put([retraction({ tag, sequence })]);
    }
    expect(await retractions.of('stable', 'app')).toEqual(
      ['falling', 'rising', 'same'].map((tag) => retraction({ tag, sequence: 7 })),
    );
  });

  test('those put at once by many come to the highest', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? one : other).retractions.put([retraction({ sequence: ((at * 7) % 20) + 1 })]),
      ),
    );
    expect(await one.retractions.of('stable', 'app')).toEqual([retraction({ sequence: 20 })]);
  });

  test('channels and repositories are apart, and a tag may be named twice', async () => {
    await using place = await open();
    const { retractions } = await place.connect();
    await retractions.put([]);
    await retractions.put([
      retraction({ sequence: 5 }),
      retraction({ sequence: 9 }),
      retraction({ sequence: 4 }),
      retraction({ repository: 'app/more' }),
      retraction({ channel: 'testing' }),
      retraction({ tag: '1.0' }),
    ]);
    expect(await retractions.of('stable', 'app')).toEqual([
      retraction({ tag: '1.0' }),
      retraction({ sequence: 9 }),
    ]);
    expect(await retractions.of('stable', 'ap')).toEqual([]);
  });
}
