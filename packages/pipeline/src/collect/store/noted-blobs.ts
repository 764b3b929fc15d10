import type { Catalog, Timestamp } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { allPages } from '../../take-back/all-pages.ts';
import { DigestTable } from './digest-table.ts';

/** Above all numbers of times: taken already. */
const TAKEN = 2 ** 31;

/** What was condemned when a collection began, and since when. */
export class NotedBlobs {
  readonly #table = new DigestTable();
  /** Blobs are condemned many at a time: so there are few times. */
  readonly #times: Timestamp[] = [];

  static async read({ garbage }: Pick<Catalog, 'garbage'>): Promise<NotedBlobs> {
    const noted = new NotedBlobs();
    for await (const { digest, at } of allPages((page) => garbage.list({ ...page, state: 'condemned' }))) {
      if (noted.#times.at(-1) !== at) noted.#times.push(at); // the oldest come first
      noted.#table.set(digest, noted.#times.length);
    }
    return noted;
  }

  /** Since when a blob was condemned; undefined if it was not. */
  at(digest: Digest): Timestamp | undefined {
    const value = this.#table.get(digest);
    return this.#times[(value >= TAKEN ? value - TAKEN : value) - 1];
  }

  /** The same, and notes that it was asked for. */
  take(digest: Digest): Timestamp | undefined {
    const value = this.#table.get(digest);
    if (value !== 0 && value < TAKEN) this.#table.set(digest, value + TAKEN);
    return this.at(digest);
  }

  /** Those that nobody has asked for. */
  *left(): Generator<Digest> {
    for (const [digest, value] of this.#table.entries()) if (value < TAKEN) yield digest;
  }
}
