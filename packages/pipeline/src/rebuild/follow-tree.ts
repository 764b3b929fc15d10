import type { ChannelTag, Lease, ManifestRecord } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import type { RepositoryDocument, TreeView } from '@gantry/tree';
import type { Channel, Flow } from '../context.ts';
import type { PublishedTree } from '../publish/published-tree.ts';
import { attribute } from './attribute.ts';
import { channelTags } from './channel-tags.ts';
import { contentPlace } from './content-place.ts';
import { ManifestRecords } from './manifest-records.ts';

const PAGE = 1000;

/** What following the tree has changed. */
export interface Followed {
  readonly set: number;
  readonly removed: number;
}

/**
 * Makes the channels what the tree shows, for a catalog that lacks publications which are in the tree: one that was
 * restored from an older backup. Otherwise the next publication would take back what was promoted since. What a channel
 * and the tree agree on stays as it is.
 * @param lease under which the channels are written
 * @throws Fault LEASE_LOST
 */
export async function followTree(
  flow: Pick<Flow, 'catalog' | 'store' | 'now' | 'log'>,
  tree: Pick<PublishedTree, 'name' | 'target' | 'channels' | 'others'>,
  view: TreeView,
  lease: Pick<Lease, 'name' | 'fence'>,
): Promise<Followed> {
  const { catalog } = flow;
  const records = new ManifestRecords(contentPlace(flow.store, tree.target.source, true));
  const promotedAt = flow.now().toISOString();
  const followed = { set: 0, removed: 0 };
  const inTree = new Set<string>();

  const apply = async (channel: Channel, repository: string, wanted: readonly ChannelTag[]) => {
    const held = new Map(
      (await catalog.channels.tagsOf(channel.name, repository)).map((tag) => [tag.tag, tag]),
    );
    const set = wanted.filter(({ tag, digest }) => held.get(tag)?.digest !== digest);
    const names = new Set(wanted.map(({ tag }) => tag));
    const remove = [...held.keys()].filter((tag) => !names.has(tag));
    if (set.length + remove.length === 0) return;
    await catalog.channels.apply(channel.name, repository, set, remove, lease);
    followed.set += set.length;
    followed.removed += remove.length;
  };

  for await (const { name } of view.repositories()) {
    const document = await view.repository(name);
    const place = document && attribute(name, document.channel, tree);
    if (document === undefined || place === undefined) continue;
    inTree.add(name);
    const found = await knownOrMade(flow, records, document);
    const promotion = `serial ${view.statement.serial}`;
    const tags = channelTags(document, place, found, promotion, () => promotedAt);
    await apply(place.channel, place.repository, tags);
  }
  for (const channel of tree.channels.filter(({ publish }) => publish)) {
    for await (const repository of repositoriesIn(flow, channel)) {
      if (!inTree.has(`${channel.prefix}${repository}`)) await apply(channel, repository, []);
    }
  }
  flow.log.warn({ tree: tree.name, serial: view.statement.serial, ...followed }, 'catalog.was_behind_tree');
  return followed;
}

/** The records of all that a document names; those that the catalog lacks are made from store and tree, and put there. */
async function knownOrMade(
  { catalog }: Pick<Flow, 'catalog'>,
  records: ManifestRecords,
  document: RepositoryDocument,
): Promise<Map<Digest, ManifestRecord>> {
  const found = await catalog.manifests.getAll([...document.manifests.keys()]);
  for (const [digest, { kind }] of document.manifests) {
    if (found.has(digest)) continue;
    const record = await records.get(digest, kind);
    if (record === undefined) continue;
    await catalog.manifests.put(record);
    found.set(digest, record);
  }
  return found;
}

async function* repositoriesIn({ catalog }: Pick<Flow, 'catalog'>, channel: Channel): AsyncGenerator<string> {
  let cursor: string | null | undefined;
  do {
    const page = await catalog.channels.repositories(channel.name, {
      limit: PAGE,
      ...(cursor == null ? {} : { cursor }),
    });
    yield* page.items;
    cursor = page.next;
  } while (cursor !== null);
}
