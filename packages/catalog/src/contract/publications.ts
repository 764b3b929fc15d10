import type { CatalogPlace } from '../catalog.contract.ts';
import { publicationRecord } from '../record-keys.ts';
import { allPages, eventOf, publication, refusesBadPages } from './samples.ts';

/** A time that has come when every event stored so far is pending. */
const LATER = '9999-01-01T00:00:00.000Z';

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

  test('what is published is not made to be in preparation again, and no event is told of the attempt', async () => {
    await using place = await open();
    const { publications, outbox } = await place.connect();
    const published = publication(1, { state: 'published', promotions: ['p1'] });
    await publications.put(published);
    const late = publication(1, { promotions: ['p2'] });
    await publications.put(late, [eventOf(publicationRecord(late), 'late')]);
    expect(await publications.get('public', 1)).toEqual(published);
    expect(await outbox.pending(LATER, 10)).toEqual([]);
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
