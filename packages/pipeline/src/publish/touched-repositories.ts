import { shardOf, type TreeView } from '@gantry/tree';
import type { TouchedRepository } from './apply-promotions.ts';
import { MendableView } from './mendable-view.ts';
import { type PublishContext, publishedName } from './published-tree.ts';

/** Every repository of every channel. */
export async function allRepositories({ flow, tree }: PublishContext): Promise<TouchedRepository[]> {
  const all: TouchedRepository[] = [];
  for (const channel of tree.channels) {
    let cursor: string | null | undefined;
    do {
      const page = await flow.catalog.channels.repositories(channel.name, {
        limit: 1000,
        ...(cursor == null ? {} : { cursor }),
      });
      for (const repository of page.items) all.push({ channel, repository });
      cursor = page.next;
    } while (cursor !== null);
  }
  return all;
}

/** Each repository once. What became of its tags is all there is to it only if nobody asks for the whole. */
export function distinct(repositories: readonly TouchedRepository[]): TouchedRepository[] {
  const byName = Map.groupBy(repositories, ({ channel, repository }) => `${channel.name} ${repository}`);
  return [...byName.values()].map((same) => {
    const last = same.at(-1) as TouchedRepository;
    if (same.every(({ moves }) => moves !== undefined)) return last;
    const { moves: _, ...whole } = last;
    return whole;
  });
}

/**
 * The state that is gone on from, such that what is lost of its documents is composed anew: of a shard that is lost all its
 * repositories are touched, and all there are when it is the root.
 */
export async function mend(
  context: PublishContext,
  view: TreeView,
  touched: readonly TouchedRepository[],
): Promise<{ readonly view: TreeView; readonly touched: readonly TouchedRepository[] }> {
  const mendable = view instanceof MendableView ? view : new MendableView(view, view, context.flow.log);
  const keys = new Set(touched.map(({ channel, repository }) => shardOf(publishedName(channel, repository))));
  const lost = new Set<string>();
  for (const key of keys) if (!(await mendable.isWhole(key))) lost.add(key);
  if (lost.size === 0 && !mendable.isRootLost) return { view: mendable, touched };
  const isLost = ({ channel, repository }: TouchedRepository) =>
    channel.publish && (mendable.isRootLost || lost.has(shardOf(publishedName(channel, repository))));
  const others = (await allRepositories(context)).filter(isLost);
  return { view: mendable, touched: distinct([...others, ...touched]) };
}
