import { setTimeout as pause } from 'node:timers/promises';
import { asFault } from '@gantry/oci';
import type { TreeView } from '@gantry/tree';
import { type HeldLease, withLeaseWaiting } from '../../hold-lease.ts';
import { type Leaving, publish } from '../../publish/publish.ts';
import { type PublishContext, publishLease, TreeState } from '../../publish/published-tree.ts';
import { createPublisher } from '../../publish/publisher.ts';
import { recoverTree } from '../../publish/recover.ts';
import type { TreeMark } from './mark.ts';

/** The most paths that one bit of the work handles. */
export const BIT_PATHS = 1000;
/** After this time a bit begins nothing new. */
export const BIT_MS = 50;

/**
 * Runs a collection's writes under the publisher's lease, in bits so small that a promotion does not notice. Each finds the
 * tree recovered and marked up to its current serial: what nothing reaches then, nothing published so far reaches.
 */
export class CollectionBits {
  readonly #context: PublishContext;
  readonly #mark: TreeMark;
  readonly #signal: AbortSignal | undefined;

  constructor({ flow, tree }: Pick<PublishContext, 'flow' | 'tree'>, mark: TreeMark, signal?: AbortSignal) {
    this.#context = { flow, tree, state: new TreeState(tree) };
    this.#mark = mark;
    this.#signal = signal;
  }

  /** @throws Fault LEASE_LOST; the signal's reason; whatever `work` throws */
  run<T>(work: (lease: HeldLease) => Promise<T>): Promise<T> {
    return this.#underLease(async (lease) => {
      const { view } = await recoverTree(this.#context, lease);
      if (view !== undefined) await this.#mark.follow(view.statement);
      return work(lease);
    });
  }

  /** Publishes what waits, and has leave what `collect` names. */
  async publish(collect: (view: TreeView) => Promise<Leaving>): Promise<void> {
    await this.#underLease((lease) =>
      publish(this.#context, lease, {
        collect: async (view) => {
          await this.#mark.follow(view.statement);
          return collect(view);
        },
      }),
    );
  }

  async #underLease<T>(work: (lease: HeldLease) => Promise<T>): Promise<T> {
    const { flow, tree } = this.#context;
    let began = 0;
    const result = await withLeaseWaiting(
      flow,
      publishLease(tree),
      async (lease) => {
        this.#signal?.throwIfAborted();
        began = performance.now();
        return work(lease);
      },
      this.#signal,
    );
    const tookMs = performance.now() - began;
    // Whoever found the lease taken relies on its holder to publish what became ready meanwhile.
    try {
      await createPublisher(flow, tree).publishPending();
    } catch (error) {
      flow.log.warn({ tree: tree.name, err: asFault(error) }, 'collection.publish_failed');
    }
    await pause(tookMs, undefined, this.#signal === undefined ? {} : { signal: this.#signal });
    return result;
  }
}
