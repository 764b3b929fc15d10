import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Catalog, ChannelTag, Page, PageRequest } from '@gantry/catalog';
import { z } from 'zod';
import { cursorsOf } from '../cursor.ts';
import type { Difference } from '../views/difference.ts';
import { RepositoryNames } from './repository-names.ts';

/** Where both lists of names go on, and the frontier. */
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
  const items: Difference[] = [];
  /** All up to here was looked at: this tag of this repository, or all of its tags. */
  let frontier: [repository: string, tag: string | null] = [lastRepository, lastTag];
  const pageUpToHere = () => ({ items, next: cursors.encode([old.cursor, now.cursor, ...frontier]) });
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
      if (items.length === limit) return pageUpToHere();
      items.push(difference);
      frontier = [repository, difference.tag];
    }
    if (names[0] === repository) old.advance();
    if (names[1] === repository) now.advance();
    if (isDone) continue; // at the most a page of names comes again
    frontier = [repository, null];
    seen++;
    if (seen >= repositoriesMax) return pageUpToHere();
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
