import type { Promotion, PromotionItem } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import { MAX_SERIAL, openTree, readStatement, type Statement } from '@gantry/tree';
import { isRetained } from '../collect/tree/retained-snapshots.ts';
import type { Channel, Flow } from '../context.ts';
import type { PublishedTree } from '../publish/published-tree.ts';
import { findTree, inTreeOf, MAIN_TREE, treeOf } from '../publish/trees.ts';
import { allPages } from '../take-back/all-pages.ts';
import { refusePurgedItems } from '../take-back/leave-out-purged.ts';
import { timeSpan } from '../time-span.ts';
import { acceptOnce } from './accept.ts';
import { findChannel, type Requester } from './request.ts';
import { itemsGoingBack, type TwoStates } from './rollback-items.ts';

/** So many names stand in a message. */
const NAMES_MAX = 10;

/** What to put back; all channels of the tree and all repositories where they are absent. */
export interface RollbackRequest {
  readonly serial: number;
  /** Its name; absent: that of the channel, without one the main tree. */
  readonly tree?: string;
  readonly channel?: string;
  /** Published names. */
  readonly repositories?: readonly string[];
  readonly reason?: string;
}

/**
 * Accepts a rollback: a promotion of the tags as they stood at a serial. The channels themselves go back, so the next
 * publication does not undo it; what is published by it is a new serial. It is done whole or not at all, but for what was
 * purged since: such a tag stays as it is.
 * @throws Fault PUBLICATION_UNKNOWN, CHANNEL_UNKNOWN, TREE_UNKNOWN, REQUEST_UNPROCESSABLE, IDEMPOTENCY_KEY_REUSED; CONFLICT when nothing would change
 */
export async function acceptRollback(
  flow: Flow,
  trees: readonly PublishedTree[],
  request: RollbackRequest,
  requester: Requester,
): Promise<{ promotion: Promotion; created: boolean }> {
  const goesBack = whatGoesBack(trees, request);
  return acceptOnce(flow, { rollback: request }, requester, async () => {
    const items = await refusePurgedItems(flow, await findChanges(flow, goesBack, request));
    return {
      kind: 'rollback',
      to: request.channel ?? '*',
      ...inTreeOf({ tree: goesBack.tree.name }),
      atomic: items.every(({ state }) => state === 'accepted'),
      items,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
    };
  });
}

/** The tree that the serial is of, and its channels that are to go back. */
interface GoesBack {
  readonly tree: PublishedTree;
  readonly channels: readonly Channel[];
}

function whatGoesBack(
  trees: readonly PublishedTree[],
  { tree: name, channel: asked }: RollbackRequest,
): GoesBack {
  const all = trees.flatMap(({ channels }) => channels);
  const channel = asked === undefined ? undefined : findChannel(asked, all);
  const tree = findTree(name ?? treeOf(channel ?? {}), trees);
  if (channel === undefined) return { tree, channels: tree.channels.filter(({ publish }) => publish) };
  if (channel.publish && treeOf(channel) === tree.name) return { tree, channels: [channel] };
  throw new Fault(
    'REQUEST_UNPROCESSABLE',
    channel.publish
      ? `the channel ${channel.name} stands in the tree ${treeOf(channel)}, not in ${tree.name}: no serial of ${tree.name} says how it stood`
      : `the channel ${channel.name} is kept out of every tree: no serial says how it stood`,
    { channel: channel.name, tree: tree.name },
  );
}

async function findChanges(
  flow: Flow,
  { tree, channels }: GoesBack,
  { serial, repositories }: RollbackRequest,
): Promise<readonly PromotionItem[]> {
  const states = await openStates(flow, tree, serial);
  const { items, unknown } = await itemsGoingBack(flow, channels, states, repositories);
  const where = channels.map(({ name }) => name).join(', ');
  if (unknown.length > 0) {
    throw new Fault(
      'NAME_UNKNOWN',
      `${unknown.slice(0, NAMES_MAX).join(', ')}: no such repository in ${where}, neither at serial ${serial} nor now; published names are without the channel's prefix`,
      { serial, repository: unknown[0] ?? '' },
    );
  }
  if (items.length > 0) return items;
  throw new Fault('CONFLICT', `nothing would change: ${where} is as it was at serial ${serial}`, { serial });
}

/** @throws Fault PUBLICATION_UNKNOWN, naming the tree where it is not the main one; CONFLICT */
async function openStates(flow: Flow, tree: PublishedTree, serial: number): Promise<TwoStates> {
  const { source } = tree.target;
  const known = await flow.catalog.publications.get(tree.name, serial);
  const stated = serial > MAX_SERIAL ? undefined : await readStatement(source, serial);
  const isOther = known !== undefined && known.root !== stated?.statement.root;
  if (stated === undefined || isOther) throw publicationUnknown(tree.name, serial);
  await mustBeRetained(flow, tree, stated.statement);
  const former = await openTree(source, { serial });
  const present = await openTree(source);
  if (former === undefined || present === undefined) throw publicationUnknown(tree.name, serial);
  return { former, present };
}

function publicationUnknown(tree: string, serial: number): Fault {
  const where = tree === MAIN_TREE ? '' : ` of the tree ${tree}`;
  return new Fault('PUBLICATION_UNKNOWN', `there is no publication ${serial}${where}`, { tree, serial });
}

/** What a serial reaches that is not retained may be gone, or about to go. */
async function mustBeRetained(
  flow: Flow,
  { name, retention }: PublishedTree,
  former: Statement,
): Promise<void> {
  let newer = 0;
  for await (const { serial, state } of allPages((page) => flow.catalog.publications.list(name, page))) {
    if (serial <= former.serial || newer >= retention.keepSnapshots) break;
    if (state === 'published') newer++;
  }
  if (isRetained(former, newer, retention, flow.now())) return;
  throw new Fault(
    'CONFLICT',
    `the publication ${former.serial} is not kept whole any more, as only the newest ${retention.keepSnapshots} are, and those of the last ${timeSpan(retention.keepSnapshotsForMs)}: roll back to a later one`,
    { tree: name, serial: former.serial },
  );
}
