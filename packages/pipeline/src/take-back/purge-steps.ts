import type { ChannelTag, Promotion, Purge } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import type { Flow } from '../context.ts';
import type { Publisher } from '../publish/publisher.ts';
import { MAIN_TREE } from '../publish/trees.ts';
import { tagsHolding } from './clean-channels.ts';
import { findClosure } from './closure.ts';
import { refuseOpenPromotions, takeTagsOut } from './purge-promotions.ts';
import { candidatesHolding, removeCandidates } from './purge-candidates.ts';
import { poolPathsOf, type PurgedContent } from './purged-content.ts';

/** What a purge works on. */
export interface PurgeContext {
  readonly flow: Flow;
  /** Of all trees. */
  readonly publishers: readonly Publisher[];
}

/** What is there of something that is to be purged. */
export interface Found {
  /** Manifests that are not whole without it, level by level. */
  readonly levels: readonly (readonly Digest[])[];
  readonly content: PurgedContent;
  /** Tags that go. */
  readonly gone: readonly ChannelTag[];
  /** Tags that lose a signature or the like. */
  readonly changed: readonly ChannelTag[];
  readonly candidates: number;
  /** Of the object in the store; undefined if it is not there. */
  readonly sizeBytes: number | undefined;
  /** Paths where the object lies in the main tree, and after `NAME:` those in the others. */
  readonly objects: readonly string[];
}

/** Looks for all that there is of a digest, and of what is not whole without it. */
export async function findPurged({ flow, publishers }: PurgeContext, digest: Digest): Promise<Found> {
  const levels = await findClosure(flow.catalog, digest);
  const content: PurgedContent = { digest, manifests: new Set(levels.flat()) };
  const tags = await tagsHolding(flow, content);
  const isGone = (tag: ChannelTag) => content.manifests.has(tag.digest);
  const objects: string[] = [];
  for (const { tree } of publishers) {
    const inPool = await flow.catalog.pool.getAll(tree.name, poolPathsOf(digest));
    for (const path of poolPathsOf(digest)) {
      if (!inPool.has(path) && (await tree.target.source.stat(path)) === undefined) continue;
      objects.push(tree.name === MAIN_TREE ? path : `${tree.name}:${path}`);
    }
  }
  return {
    levels,
    content,
    gone: tags.filter(isGone),
    changed: tags.filter((tag) => !isGone(tag)),
    candidates: (await candidatesHolding(flow, content)).filter((one) => content.manifests.has(one.digest))
      .length,
    sizeBytes: (await flow.store.stat(digest))?.size,
    objects,
  };
}

/** Whether nothing was found. */
export function isNowhere({ levels, gone, changed, candidates, sizeBytes, objects }: Found): boolean {
  const nothing = [levels, gone, changed, objects].every((list) => list.length === 0);
  return nothing && candidates === 0 && sizeBytes === undefined;
}

/** The steps of a purge, in their order. Each may be done again, and after any of them another process may go on from the first. */
export const PURGE_STEPS = [
  'refuse promotions',
  'accept promotion',
  'delete from store',
  'publish',
  'remove candidates',
  'remove manifests',
] as const;
export type PurgeStep = (typeof PURGE_STEPS)[number];

/** One purge on its way. */
export interface PurgeRun extends PurgeContext {
  readonly purge: Purge;
  readonly found: Found;
  readonly signal: AbortSignal;
}

/** What a step has to tell, for the task's result. */
export interface StepReport {
  /** Promotions that took tags out. */
  readonly promotions?: readonly string[];
  /** The main tree's first serial without what was purged. */
  readonly serial?: number;
  /** Likewise of the further trees. */
  readonly trees?: Readonly<Record<string, { readonly serial: number }>>;
}

export const STEPS: Readonly<Record<PurgeStep, (run: PurgeRun) => Promise<StepReport>>> = {
  async 'refuse promotions'({ flow }) {
    await refuseOpenPromotions(flow);
    return {};
  },

  async 'accept promotion'({ flow, publishers, purge, found, signal }) {
    const promotions: Promotion[] = [];
    for (const { tree } of publishers)
      promotions.push(...(await takeTagsOut(flow, tree, purge, found.gone, signal)));
    return promotions.length === 0 ? {} : { promotions: promotions.map(({ id }) => id) };
  },

  /** Before the tree: so that no publisher, however late it wakes, has anything that it could put back. */
  async 'delete from store'({ flow, purge }) {
    await flow.store.delete(purge.digest);
    return {};
  },

  /** A tree that can't be written to just now does not keep it in the others. */
  async publish({ publishers, found, signal }) {
    const serials: Record<string, { readonly serial: number }> = {};
    const all = await Promise.allSettled(
      publishers.map(async (publisher) => {
        const { serial } = await publisher.takeOut(found.content, signal);
        if (serial !== undefined) serials[publisher.tree.name] = { serial };
      }),
    );
    const failed = all.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const { [MAIN_TREE]: main, ...trees } = serials;
    return { ...main, ...(Object.keys(trees).length > 0 && { trees }) };
  },

  async 'remove candidates'({ flow, found }) {
    await removeCandidates(flow, found.content);
    return {};
  },

  /** Last, and the farthest first: as long as there is a record, all that is above it can be found by it. */
  async 'remove manifests'({ flow, found }) {
    for (const level of found.levels.toReversed()) await flow.catalog.manifests.remove(level);
    return {};
  },
};

/** How often it is looked again: what was on its way when the digest was banned may have come since. */
const ROUNDS_MAX = 5;

/** Told of each step. */
export interface PurgeObserver {
  /** Before the first step. */
  found?(found: Found): Promise<void>;
  before?(step: PurgeStep): void;
  after?(step: PurgeStep, report: StepReport): Promise<void>;
}

/**
 * Takes out what was purged, until there is nothing of it. To be called again after a crash, at any moment.
 * @throws Fault UNAVAILABLE when it comes back again and again
 */
export async function takeOutPurged(
  context: PurgeContext,
  purge: Purge,
  signal: AbortSignal,
  observer: PurgeObserver = {},
): Promise<void> {
  for (let round = 1; round <= ROUNDS_MAX; round++) {
    const found = await findPurged(context, purge.digest);
    if (round > 1 && isNowhere(found)) return;
    await observer.found?.(found);
    for (const step of PURGE_STEPS) {
      signal.throwIfAborted();
      observer.before?.(step);
      const report = await STEPS[step]({ ...context, purge, found, signal });
      await observer.after?.(step, report);
    }
  }
  throw new Fault('UNAVAILABLE', `${purge.digest} was purged and comes back each time`, {
    digest: purge.digest,
  });
}
