import type { PoolObject } from '@gantry/catalog';
import { asFault, type Digest, type Fault } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import { type HeldLease, withLeaseWaiting } from '../../hold-lease.ts';
import { type PublishedTree, publishLease } from '../../publish/published-tree.ts';
import { poolPathsOf } from '../../take-back/purged-content.ts';
import type { PacedReader } from './paced-digest.ts';

/** What trees have of the store's blobs, as a scrub looks at it. */
export class TreeMender {
  /** Names of the trees in which files were put anew or taken out. */
  readonly changed = new Set<string>();
  /** Trees that could not be looked at, with the reason: they hold up nothing else, and are left alone after that. */
  readonly failed = new Map<string, Fault>();
  readonly #flow: Flow;
  readonly #trees: readonly PublishedTree[];
  readonly #reader: PacedReader;
  readonly #signal: AbortSignal;

  constructor(flow: Flow, trees: readonly PublishedTree[], reader: PacedReader, signal: AbortSignal) {
    this.#flow = flow;
    this.#trees = trees;
    this.#reader = reader;
    this.#signal = signal;
  }

  /**
   * Puts a blob that is whole in the store into the trees that should have it, and lack it or have it damaged: as a new
   * file, as the old one may be shared with others. What a tree has of its own, and right, stays.
   * @returns how many files were put
   */
  async mend(digest: Digest): Promise<number> {
    return this.#changeAll(digest, async (tree, { path, size }) => {
      const { target } = tree;
      if (await target.isOfStore({ path, digest, size })) return undefined;
      if ((await this.#stateOf(tree, path, digest)) === 'whole') return undefined;
      return async () => {
        await target.removeContent(path);
        await target.putContent({ path, digest, size });
        await target.settle();
        this.#flow.log.warn({ tree: tree.name, path }, 'scrub.tree_mended');
      };
    });
  }

  /** Takes a blob that can't be had now out of the trees that have it damaged: a reader that misses it may ask a mirror. */
  async takeOut(digest: Digest): Promise<void> {
    await this.#changeAll(digest, async (tree, { path }) => {
      if ((await this.#stateOf(tree, path, digest)) !== 'damaged') return undefined;
      return async () => {
        await tree.target.removeContent(path);
        this.#flow.log.error({ tree: tree.name, path }, 'scrub.tree_taken_out');
      };
    });
  }

  async #stateOf(
    { target }: PublishedTree,
    path: string,
    digest: Digest,
  ): Promise<'absent' | 'whole' | 'damaged'> {
    const stream = await target.source.open(path);
    if (stream === undefined) return 'absent';
    return (await this.#reader.digestOf(digest, stream)) === digest ? 'whole' : 'damaged';
  }

  /**
   * @param changeOf what is to be done with one file, under the publisher's lease; undefined: nothing
   * @returns how many files were changed
   */
  async #changeAll(
    digest: Digest,
    changeOf: (tree: PublishedTree, object: PoolObject) => Promise<(() => Promise<void>) | undefined>,
  ): Promise<number> {
    let changed = 0;
    for (const tree of this.#trees) {
      if (this.failed.has(tree.name)) continue;
      try {
        for (const object of (
          await this.#flow.catalog.pool.getAll(tree.name, poolPathsOf(digest))
        ).values()) {
          const change = await changeOf(tree, object);
          if (change === undefined || !(await this.#underLease(tree, object.path, change))) continue;
          changed++;
          this.changed.add(tree.name);
        }
      } catch (error) {
        this.#signal.throwIfAborted();
        const fault = asFault(error);
        if (fault.code === 'BLOB_UNKNOWN') continue; // a collection has taken it out of the store meanwhile
        this.#flow.log.error({ tree: tree.name, digest, err: fault }, 'scrub.tree_failed');
        this.failed.set(tree.name, fault);
      }
    }
    return changed;
  }

  /** @returns false if it has left the tree meanwhile */
  async #underLease(tree: PublishedTree, path: string, change: () => Promise<void>): Promise<boolean> {
    const work = async (lease: HeldLease) => {
      await tree.target.begin(() => lease.confirm());
      if (!(await this.#flow.catalog.pool.getAll(tree.name, [path])).has(path)) return false;
      await lease.confirm();
      await change();
      return true;
    };
    return withLeaseWaiting(this.#flow, publishLease(tree), work, this.#signal);
  }
}
