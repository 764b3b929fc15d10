import type { PublishedNames } from '../repositories/published-names.ts';
import { ANYBODY, type Reader } from './reader.ts';

/** The published names that somebody may read, in lists as those of `PublishedNames`. */
export type ReadableNames = (reader: Reader) => ReturnType<PublishedNames>;

/** Goes through a shard's names once for each reader that is the same one as before, as all are who show no credentials. */
export function createReadableNames(publishedNames: PublishedNames): ReadableNames {
  const known = new WeakMap<Reader, WeakMap<readonly string[], readonly string[]>>();
  return async (reader) => {
    const shards = await publishedNames();
    if (reader === ANYBODY) return shards;
    const kept = known.getOrInsertComputed(reader, () => new WeakMap());
    return shards.map((names) =>
      kept.getOrInsertComputed(names, () => names.filter((name) => reader.mayRead(name))),
    );
  };
}
