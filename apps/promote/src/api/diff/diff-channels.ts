import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Catalog, ChannelTag, Page, PageRequest } from '@gantry/catalog';
import { z } from 'zod';
import { cursorsOf } from '../cursor.ts';
import type { Difference } from '../views/difference.ts';
import { RepositoryNames } from './repository-names.ts';

/** Where both lists of names go on, and the repository and tag that the page ended with; null: with all its tags. */
const cursors = cursorsOf(
  'diff-channels',
  z.tuple([z.string().nullable(), z.string().nullable(), z.string(), z.string().nullable()]),
);

/** Other requests get their turn after so many repositories. */
const REPOSITORIES_A_TURN = 50;
/** A page that has looked at so many ends, full or not: one request must not take minutes. */
const REPOSITORIES_A_PAGE = 10_000;

/**
 * A page of the tags that differ between two channels, by published name (without prefix) and tag. A page may hold fewer
 * than `limit` items, and still have a next one.
 * @throws Fault REQUEST_INVALID for a cursor of another list
 */
export async function diffChannels(
  { channels }: Pick<Catalog, 'channels'>,
  from: string,
  to: string,
  { limit, cursor }: PageRequest,
  repositoriesMax = REPOSITORIES_A_PAGE,
): Promise<Page<Difference>> {
  const [fromCursor, toCursor, lastRepository, lastTag] =
    cursor === undefined ? [null, null, '', null] : cursors.decode(cursor);
  const old = new RepositoryNames(channels, from, fromCursor);
  const now = new RepositoryNames(channels, to, toCursor);
  const next = (repository: string, tag: string | null) =>
    cursors.encode([old.cursor, now.cursor, repository, tag]);
  const items: Difference[] = [];
  for (let seen = 0; ;) {
    const names = [await old.peek(), await now.peek()] as const;
    const repository = first(names);
    if (repository === undefined) return { items, next: null };
    const isDone = lastTag === null ? repository <= lastRepository : repository < lastRepository;
    const tagsOf = async (channel: string, name: string | undefined) =>
      isDone || name !== repository ? [] : channels.tagsOf(channel, repository);
    const [before, after] = [await tagsOf(from, names[0]), await tagsOf(to, names[1])];
    for (const difference of differences(repository, before, after)) {
      if (repository === lastRepository && lastTag !== null && difference.tag <= lastTag) continue;
      const last = items.at(-1);
      if (items.length === limit && last !== undefined)
        return { items, next: next(last.repository, last.tag) };
      items.push(difference);
    }
    if (names[0] === repository) old.advance();
    if (names[1] === repository) now.advance();
    if (isDone) continue; // at the most a page of names comes again
    seen++;
    if (seen >= repositoriesMax) return { items, next: next(repository, null) };
    if (seen % REPOSITORIES_A_TURN === 0) await nextTurn();
  }
}

function first([a, b]: readonly [string | undefined, string | undefined]): string | undefined {
  return a === undefined || (b !== undefined && b < a) ? b : a;
}

function differences(
  repository: string,
  old: readonly ChannelTag[],
  now: readonly ChannelTag[],
): Difference[] {
  const from = new Map(old.map(({ tag, digest }) => [tag, digest]));
  const to = new Map(now.map(({ tag, digest }) => [tag, digest]));
  return [...new Set([...from.keys(), ...to.keys()])]
    .filter((tag) => from.get(tag) !== to.get(tag))
    .toSorted()
    .map((tag) => ({ repository, tag, from: from.get(tag) ?? null, to: to.get(tag) ?? null }));
}
