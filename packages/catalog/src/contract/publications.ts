import type { CatalogPlace } from '../catalog.contract.ts';
import { allPages, publication, refusesBadPages } from './samples.ts';

export function publicationsContract(open: () => Promise<CatalogPlace>): void {
  test('a publication is replaced by tree and serial', async () => {
    await using place = await open();
    const { publications } = await place.connect();
    await publications.put(publication(1));
    await publications.put(publication(1, { state: 'published', promotions: ['p1'] }));
    expect(await publications.get('public', 1)).toEqual(
      publication(1, { state: 'published', promotions: ['p1'] }),
    );
    expect(await publications.get('public', 2)).toBeUndefined();
    expect(await publications.get('other', 1)).toBeUndefined();
  });

  test('latest and list go by serial within one tree, newest first', async () => {
    await using place = await open();
    const { publications } = await place.connect();
    expect(await publications.latest('public')).toBeUndefined();
    const serials = [1, 2, 9, 10, 11, 100];
    for (const serial of [9, 1, 100, 11, 2, 10]) await publications.put(publication(serial));
    await publications.put(publication(500, { tree: 'other' }));
    expect((await publications.latest('public'))?.serial).toBe(100);
    for (const limit of [1, 2, 6, 50]) {
      const found = await allPages((page) => publications.list('public', page), limit);
      expect(found.map(({ serial }) => serial)).toEqual(serials.toReversed());
    }
    await refusesBadPages((page) => publications.list('public', page));
  });
}
