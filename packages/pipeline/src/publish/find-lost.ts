import { asFault, type Fault, forEachConcurrently } from '@gantry/oci';
import { openTree } from '@gantry/tree';
import { isLostDocument } from './mendable-view.ts';
import type { PublishContext } from './published-tree.ts';

const READS_AT_ONCE = 8;

/**
 * Looks for documents of the current serial that are lost still, once all that is composed anew was put: of repositories
 * whose channel is not known any more, nothing can be.
 * @param composed published names of those that were
 * @returns a fault for each
 */
export async function findLost(
  { tree }: Pick<PublishContext, 'tree'>,
  composed: ReadonlySet<string>,
): Promise<readonly Fault[]> {
  const lost: Fault[] = [];
  const look = async <T>(reading: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await reading();
    } catch (error) {
      if (!isLostDocument(error)) throw error;
      lost.push(asFault(error));
      return undefined;
    }
  };
  // With no former view: what was read before says nothing of the files.
  const view = await look(() => openTree(tree.target.source));
  for (const key of view?.shards.keys() ?? []) {
    const shard = await look(async () => view?.shard(key));
    const others = [...(shard?.repositories.keys() ?? [])].filter((name) => !composed.has(name));
    await forEachConcurrently(others, READS_AT_ONCE, async (name) => {
      const document = await look(async () => view?.repository(name));
      for (const digest of document?.referrers.values() ?? []) await look(async () => view?.document(digest));
    });
  }
  return lost;
}
