import type { TreeView } from '@gantry/tree';
import { firstAfter } from '../answer/tag-page.ts';

/** The published names of the present serial, in lists that have no name in common, each sorted. */
export type PublishedNames = () => Promise<readonly (readonly string[])[]>;

/**
 * Reads the names shard by shard, and sorts those of each shard once: a new serial costs the shards that changed.
 * @param view the serial that is served; undefined: there is none, and so no name
 */
export function createPublishedNames(view: () => TreeView | undefined): PublishedNames {
  /** By the shard's digest. */
  let sorted = new Map<string, readonly string[]>();
  let read: { readonly of: TreeView; readonly names: ReturnType<PublishedNames> } | undefined;

  const readNames = async (present: TreeView): ReturnType<PublishedNames> => {
    const next = new Map<string, readonly string[]>();
    for (const [key, digest] of present.shards) {
      const names = sorted.get(digest) ?? [...(await present.shard(key)).repositories.keys()].toSorted();
      next.set(digest, names);
    }
    sorted = next;
    return [...next.values()];
  };

  return async () => {
    const present = view();
    if (present === undefined) return [];
    if (read?.of !== present) {
      const reading = { of: present, names: readNames(present) };
      read = reading;
      reading.names.catch(() => {
        if (read === reading) read = undefined; // the next one who asks tries again
      });
    }
    return read.names;
  };
}

/** Which names a page holds. */
export interface NamesWanted {
  readonly limit: number;
  /** The last name of the page before. */
  readonly last?: string;
  /** Only names that hold this text; absent: all. */
  readonly holding?: string;
}

/**
 * The names of one page, of sorted lists. A name that several have is told once.
 * @returns `next` is the last name of the page when more follow; a page of none has no next
 */
export function namePage(
  shards: readonly (readonly string[])[],
  { limit, last = '', holding = '' }: NamesWanted,
): { readonly names: readonly string[]; readonly next?: string } {
  // Names are spread over the shards by chance: a page has about as many of each. Where it has more of one, more are taken.
  for (let taken = Math.ceil((2 * limit) / Math.max(shards.length, 1)) + 8; ; taken *= 2) {
    let cutAt: string | undefined;
    const sorted = shards
      .flatMap((shard) => {
        const found = takeAfter(shard, last, holding, taken + 1);
        const cut = found.length > taken ? found.pop() : undefined;
        if (cut !== undefined && (cutAt === undefined || cut < cutAt)) cutAt = cut;
        return found;
      })
      .toSorted();
    const names = sorted.filter((name, at) => name !== sorted[at - 1]);
    const isWhole = cutAt === undefined || (names[limit] !== undefined && names[limit] < cutAt);
    if (isWhole) return pageOf(names, limit);
  }
}

/** The first names of a sorted list that come after `last` and hold a text. */
function takeAfter(sorted: readonly string[], last: string, holding: string, count: number): string[] {
  const from = firstAfter(sorted, last);
  if (holding === '') return sorted.slice(from, from + count);
  const found: string[] = [];
  for (let at = from; at < sorted.length && found.length < count; at++) {
    const name = sorted[at] as string;
    if (name.includes(holding)) found.push(name);
  }
  return found;
}

function pageOf(names: readonly string[], limit: number): ReturnType<typeof namePage> {
  const page = names.slice(0, limit);
  const next = names.length > limit ? page.at(-1) : undefined;
  return { names: page, ...(next !== undefined && { next }) };
}
