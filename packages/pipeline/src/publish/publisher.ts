import type { Flow } from '../context.ts';
import { withLease, withLeaseWaiting } from '../hold-lease.ts';
import type { PurgedContent } from '../take-back/purged-content.ts';
import { waitingPromotions } from './apply-promotions.ts';
import { publish, type PublishOutcome } from './publish.ts';
import { type PublishContext, type PublishedTree, publishLease, TreeState } from './published-tree.ts';

/** Publishes one tree. Any number of publishers may exist; a lease lets one of them work. */
export interface Publisher {
  readonly tree: PublishedTree;
  /**
   * Publishes all promotions that are ready. What becomes ready while a publication runs is published together by the
   * next one, here or by whoever holds the lease: so a caller that returns early has lost nothing.
   */
  publishPending(): Promise<void>;
  /** Publishes now, looking at every repository and mending what is damaged, and waits for it. */
  publishAll(signal?: AbortSignal): Promise<PublishOutcome>;
  /** Takes what is purged out of every channel and of the tree, and publishes that now. */
  takeOut(purged: PurgedContent, signal?: AbortSignal): Promise<PublishOutcome>;
  /** Makes the statement anew when it is due, so that it does not expire. */
  refresh(): Promise<void>;
  /** Is told that files of the tree were put anew or taken out, past any publication. */
  filesChanged(): void;
}

/** The publisher of one tree. Any number of processes may have one: a lease lets one of them publish at a time. */
export function createPublisher(flow: Flow, tree: PublishedTree): Publisher {
  const context: PublishContext = { flow, tree, state: new TreeState(tree) };
  const leaseName = publishLease(tree);
  const isPending = async () => (await waitingPromotions(flow, tree)).length > 0;
  return {
    tree,
    async publishPending() {
      // Asked again after the lease is free: a promotion that became ready just before finds either this loop or the lease.
      while (await isPending()) {
        const ran = await withLease(flow, leaseName, (lease) => publish(context, lease));
        if (ran === undefined) return;
      }
    },
    publishAll: (signal) =>
      withLeaseWaiting(flow, leaseName, (lease) => publish(context, lease, { full: true, signal }), signal),
    takeOut: (purged, signal) =>
      withLeaseWaiting(flow, leaseName, (lease) => publish(context, lease, { purged, signal }), signal),
    filesChanged: () => undefined, // a reader of the tree asks for each file anew
    async refresh() {
      await withLease(flow, leaseName, async (lease) => {
        if ((await tree.target.highestSerial()) > 0) await publish(context, lease);
      });
    },
  };
}
