import type { Digest } from '@gantry/oci';
import type { EncodedDocument } from './documents.ts';
import { shardOf } from './paths.ts';
import { joinParts, type LoadDocument } from './repository-file.ts';
import { decodePart, encodeMap, encodePart, type MapFormat, type MapOrParts } from './repository-maps.ts';

/** A map of a repository document that is being changed. Of a split one only the parts of keys that are asked for are read. */
export class EditedMap<K extends string, V> {
  readonly #former: MapOrParts<K, V>;
  readonly #format: MapFormat<K, V>;
  readonly #load: LoadDocument;
  readonly #maxEntries: number;
  /** Parts that were read. */
  readonly #parts = new Map<string, Promise<ReadonlyMap<K, V>>>();
  /** Keys with their new values; undefined: to be removed. */
  readonly #changes = new Map<K, V | undefined>();

  constructor(former: MapOrParts<K, V>, format: MapFormat<K, V>, load: LoadDocument, maxEntries: number) {
    this.#former = former;
    this.#format = format;
    this.#load = load;
    this.#maxEntries = maxEntries;
  }

  /** What the document has, whatever was changed since. @throws Fault TREE_INVALID, and whatever the loading throws */
  async former(key: K): Promise<V | undefined> {
    const { entries } = this.#former;
    return (entries ?? (await this.#part(shardOf(key)))).get(key);
  }

  set(key: K, value: V): void {
    this.#changes.set(key, value);
  }

  remove(key: K): void {
    this.#changes.set(key, undefined);
  }

  /** What was read so far, of the document as it stands. */
  async *read(): AsyncGenerator<[K, V]> {
    if (this.#former.entries !== undefined) yield* this.#former.entries;
    for (const part of this.#parts.values()) yield* await part;
  }

  /**
   * The map with its changes, and the parts that they are in, each encoded.
   * @param size how many entries it has then; absent: none are removed
   */
  async encode(
    size?: number,
  ): Promise<{ readonly map: MapOrParts<K, V>; readonly documents: readonly EncodedDocument[] }> {
    const { entries, parts } = this.#former;
    if (parts === undefined || (size !== undefined && size <= this.#maxEntries)) {
      const all = new Map(entries ?? (await joinParts(parts, this.#format, this.#load)));
      this.#change(all, this.#changes);
      return encodeMap(all, this.#format, this.#maxEntries);
    }
    const map = new Map(parts);
    const documents: EncodedDocument[] = [];
    await Promise.all(
      [...Map.groupBy(this.#changes, ([key]) => shardOf(key))].map(async ([shard, changes]) => {
        const part = new Map(await this.#part(shard));
        this.#change(part, changes);
        if (part.size === 0) {
          map.delete(shard);
          return;
        }
        const encoded = encodePart(part, this.#format);
        map.set(shard, encoded.digest);
        documents.push(encoded);
      }),
    );
    return { map: { parts: map }, documents };
  }

  #change(entries: Map<K, V>, changes: Iterable<readonly [K, V | undefined]>): void {
    for (const [key, value] of changes) {
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
    }
  }

  #part(shard: string): Promise<ReadonlyMap<K, V>> {
    return this.#parts.getOrInsertComputed(shard, async () => {
      const digest: Digest | undefined = this.#former.parts?.get(shard);
      if (digest === undefined) return new Map<K, V>();
      return decodePart(await this.#load(digest), this.#format, shard, digest);
    });
  }
}
