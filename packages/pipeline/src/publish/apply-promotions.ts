import type { ChannelTag, Promotion, Retraction } from '@gantry/catalog';
import { type Digest, Fault, forEachConcurrently } from '@gantry/oci';
import type { Channel, Flow } from '../context.ts';
import { promotionEvents } from '../events/promotion-events.ts';
import type { HeldLease } from '../hold-lease.ts';
import { decideChanges, type RepositoryChange } from './decide-changes.ts';
import { readTagStates } from './tag-states.ts';
import { type OwnTree, ownsPromotion } from './trees.ts';

/** A repository of a channel that promotions have touched. */
export interface TouchedRepository {
  readonly channel: Channel;
  readonly repository: string;
  /** Manifests that were there already and are promoted once more: what is missing of them in the tree is put back. Absent: none. */
  readonly again?: ReadonlySet<Digest>;
  /**
   * What became of its tags since its document was published, all of it. Absent where that is not known, as after a crash:
   * then the document is composed from the whole channel.
   */
  readonly moves?: readonly TagMove[];
}

/** What became of a tag in a channel. */
export interface TagMove {
  readonly tag: string;
  /** Absent: it was not there. */
  readonly from?: ChannelTag;
  /** Absent: it is gone. */
  readonly to?: ChannelTag;
}

/** What came of writing promotions into the channels. */
export interface AppliedPromotions {
  /** Those that go on; the others were refused as a whole. */
  readonly promotions: readonly Promotion[];
  readonly touched: readonly TouchedRepository[];
}

const WRITES_AT_ONCE = 16;

/** Promotions that wait for the publisher of a tree. */
export async function waitingPromotions(
  { catalog }: Pick<Flow, 'catalog'>,
  tree: OwnTree,
): Promise<readonly Promotion[]> {
  const waiting = await catalog.promotions.inStates(['publishing']);
  return waiting.filter((promotion) => ownsPromotion(tree, promotion));
}

/**
 * Writes accepted items into the channels, in the order of acceptance, one write a repository: so that promotions which
 * are published together are never seen in part. Doing it again changes nothing. A tag that a promotion which was accepted
 * later has set or taken out already, as the worker of this one was killed or slow, stays as it is. What must not be
 * changed any more is refused first, in the promotion's record: so that nobody who comes after decides otherwise.
 * @param lease of the publisher: one that has it no more writes nothing
 * @throws Fault LEASE_LOST
 */
export async function applyPromotions(
  flow: Flow,
  tree: OwnTree,
  promotions: readonly Promotion[],
  lease: Pick<HeldLease, 'name' | 'fence' | 'confirm'>,
): Promise<AppliedPromotions> {
  const decided = decideChanges(flow, tree, promotions, await readTagStates(flow.catalog, promotions));
  const refused = decided.promotions.filter((promotion) => !promotions.includes(promotion));
  if (refused.length > 0) {
    await lease.confirm();
    await forEachConcurrently(refused, WRITES_AT_ONCE, (promotion) => recordRefusals(flow, promotion));
  }
  const retractions = decided.changes.flatMap(retractionsOf);
  if (retractions.length > 0) await flow.catalog.retractions.put(retractions);
  await Promise.all(
    decided.changes.map(async ({ channel, repository, tags }) => {
      const set = [...tags.values()].flatMap((tag) => tag.set ?? []);
      const remove = [...tags].filter(([, tag]) => tag.set === undefined).map(([name]) => name);
      await flow.catalog.channels.apply(channel.name, repository, set, remove, lease);
    }),
  );
  return {
    promotions: decided.promotions.filter(({ state }) => state === 'publishing'),
    touched: decided.changes.map((change) => touchedBy(change, promotions)),
  };
}

/**
 * A tag that stands there by one of the very promotions that wait was written by a publisher which did not come to the end:
 * what its promotion took away is not known any more.
 */
function touchedBy(
  { channel, repository, again, tags }: RepositoryChange,
  promotions: readonly Promotion[],
): TouchedRepository {
  const waiting = new Set(promotions.map(({ id }) => id));
  const isUnsure = tags.values().some(({ from }) => from !== undefined && waiting.has(from.promotion));
  if (isUnsure) return { channel, repository, again };
  const moves = tags.entries().map(([tag, { from, set }]): TagMove => ({
    tag,
    ...(from !== undefined && { from }),
    ...(set !== undefined && { to: set }),
  }));
  return { channel, repository, again, moves: [...moves] };
}

/** @param refused a promotion in `publishing`, with what is refused of it @throws Fault LEASE_LOST */
async function recordRefusals(flow: Flow, refused: Promotion): Promise<void> {
  const { id, state, items } = refused;
  const events = promotionEvents({ ...refused, state: 'publishing' }, refused);
  // In that state only publishers change it.
  if ((await flow.catalog.promotions.replace(refused, events)) === undefined) {
    throw new Fault('LEASE_LOST', `another publisher has gone on with the promotion ${id}`, {
      promotion: id,
    });
  }
  const problems = items.flatMap(({ problem }) => problem?.detail ?? []);
  flow.log.warn({ promotion: id, state, problems: problems.slice(0, 10) }, 'promotion.refused_late');
}

/** Noted before the tags go: what was accepted before that must not bring them back. */
function retractionsOf({ channel, repository, tags }: RepositoryChange): Retraction[] {
  return [...tags].flatMap(([tag, { promotion, set }]) =>
    set === undefined
      ? [{ channel: channel.name, repository, tag, promotion: promotion.id, sequence: promotion.sequence }]
      : [],
  );
}
