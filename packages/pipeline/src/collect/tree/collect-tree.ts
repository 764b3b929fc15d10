import { Fault } from '@gantry/oci';
import type { PublishContext } from '../../publish/published-tree.ts';
import type { CollectTreeOptions, TreeCollection } from './tree-collection.ts';

/**
 * Frees what no retained snapshot of a tree reaches: condemns it, and removes it once it has been condemned for the tree's
 * grace. Publications go on meanwhile, as all that is written is written in small bits under the publisher's lease. One
 * collection of a tree at a time does: two do no harm, but the same work twice.
 * @throws Fault LEASE_LOST; UNAVAILABLE; whatever the place of the tree and the catalog throw; `signal`'s reason
 */
export async function collectTree(
  context: Pick<PublishContext, 'flow' | 'tree'>,
  options: CollectTreeOptions = {},
): Promise<TreeCollection> {
  await Promise.resolve();
  throw new Fault('UNSUPPORTED', `${context.tree.name} can not be collected yet`, { dry: options.dryRun });
}
