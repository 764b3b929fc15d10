import { Fault } from '@gantry/oci';
import {
  openTree,
  type RepositoryDocument,
  type Statement,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';

/** Each earlier state is looked at once, and most of it is not read again. */
const CACHE_BYTES = 4 * 1024 * 1024;

/**
 * Documents of repositories as they stood in earlier serials, each once, as far as they are still in the tree: what a
 * rollback goes back to.
 * @param statements from the newest to the oldest
 * @param current the state whose documents are left out
 */
export async function* earlierRepositories(
  source: TreeSource,
  statements: readonly Statement[],
  current: TreeView | undefined,
): AsyncGenerator<RepositoryDocument> {
  const shards = new Set<string>(current?.shards.values());
  const documents = new Set<string>();
  for await (const { digest } of current?.repositories() ?? []) documents.add(digest);
  for (const { serial } of statements) {
    const view = await unlessGone(() => openTree(source, { serial, cacheBytes: CACHE_BYTES }));
    for (const [key, shardDigest] of view?.shards ?? []) {
      if (view === undefined || shards.has(shardDigest)) continue;
      shards.add(shardDigest);
      const shard = await unlessGone(() => view.shard(key));
      for (const [name, digest] of shard?.repositories ?? []) {
        if (documents.has(digest)) continue;
        documents.add(digest);
        const document = await unlessGone(() => view.repository(name));
        if (document !== undefined) yield document;
      }
    }
  }
}

/** Documents of a snapshot that is kept no longer leave the tree. */
async function unlessGone<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Fault && (error.code === 'UNAVAILABLE' || error.code === 'TREE_INVALID'))
      return undefined;
    throw error;
  }
}
