import type { ApiClient, Query } from './client.ts';

const PAGE_MAX = 1000;

/** The first items of a list, so many at the most. */
export async function readFirst<T>(
  client: ApiClient,
  path: string,
  query: Query,
  limit: number,
  signal: AbortSignal,
): Promise<readonly T[]> {
  const items: T[] = [];
  const page = { ...query, limit: String(Math.min(limit, PAGE_MAX)) };
  for await (const item of client.list<T>(path, page, signal)) {
    items.push(item);
    if (items.length >= limit) break;
  }
  return items;
}
