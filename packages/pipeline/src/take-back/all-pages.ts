import type { Page, PageRequest } from '@gantry/catalog';

const ITEMS_A_PAGE = 1000;

/** All items of a list, page by page. */
export async function* allPages<T>(list: (page: PageRequest) => Promise<Page<T>>): AsyncGenerator<T> {
  let cursor: string | null | undefined;
  do {
    const page: Page<T> = await list({
      limit: ITEMS_A_PAGE,
      ...(typeof cursor === 'string' ? { cursor } : {}),
    });
    yield* page.items;
    cursor = page.next;
  } while (cursor !== null);
}
