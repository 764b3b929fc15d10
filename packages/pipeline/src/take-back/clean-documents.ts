import { type Digest, Fault, forEachConcurrently, manifestKind } from '@gantry/oci';
import {
  decodeReferrers,
  type EncodedDocument,
  encodeReferrers,
  type RepositoryDocument,
  type TreeView,
} from '@gantry/tree';
import type { TouchedRepository } from '../publish/apply-promotions.ts';
import { type PublishContext, publishedName } from '../publish/published-tree.ts';
import { documentAfter, isNamedBy, poolPathsOf, type PurgedContent } from './purged-content.ts';

const DOCUMENTS_AT_ONCE = 16;

/** Repositories of a tree that name what a purge takes away, also where no tag reaches it any more. */
export interface NamingRepositories {
  /** Of a channel that is published: composed anew from what is in it. */
  readonly touched: readonly TouchedRepository[];
  /** Published names of others, as of a channel that is not configured any more: their documents stay, without it. */
  readonly leftOver: readonly string[];
}

/** Looks at every document, once the pool has anything of it: an object that is not in the pool is named by none. */
export async function findNaming(
  { flow, tree }: PublishContext,
  view: TreeView | undefined,
  content: PurgedContent,
): Promise<NamingRepositories> {
  const touched: TouchedRepository[] = [];
  const leftOver: string[] = [];
  const paths = [content.digest, ...content.manifests].flatMap(poolPathsOf);
  if (view === undefined || (await flow.catalog.pool.getAll(tree.name, paths)).size === 0)
    return { touched, leftOver };
  await forEachConcurrently(view.repositories(), DOCUMENTS_AT_ONCE, async ({ name }) => {
    const document = await view.repository(name);
    if (document === undefined || !isNamedBy(document, content)) return;
    const channel = tree.channels.find((one) => one.publish && one.name === document.channel);
    const repository = name.slice(channel?.prefix.length ?? 0);
    if (channel !== undefined && publishedName(channel, repository) === name)
      touched.push({ channel, repository });
    else leftOver.push(name);
  });
  return { touched, leftOver };
}

/** A document that stays as it is but for what goes, with its referrers documents that are others then. */
export async function cleanDocument(
  view: TreeView,
  name: string,
  content: PurgedContent,
): Promise<{ readonly document: RepositoryDocument; readonly referrers: readonly EncodedDocument[] }> {
  const former = await view.repository(name);
  if (former === undefined) throw new Fault('INTERNAL', `${name} is not in the tree any more`);
  const document = documentAfter(former, content);
  const referrers = new Map<Digest, Digest>();
  const changed: EncodedDocument[] = [];
  for (const [subject, list] of document.referrers) {
    const all = decodeReferrers(await view.document(list));
    const kept = all.filter(({ digest }) => !content.manifests.has(digest));
    if (kept.length === all.length) referrers.set(subject, list);
    else if (kept.length > 0) {
      const encoded = encodeReferrers(
        kept.map(({ mediaType, digest, size, artifactType, annotations }) => ({
          kind: manifestKind(mediaType) ?? 'oci-manifest',
          digest,
          size,
          ...(artifactType === undefined ? {} : { artifactType }),
          ...(annotations === undefined ? {} : { annotations }),
        })),
      );
      changed.push(encoded);
      referrers.set(subject, encoded.digest);
    }
  }
  return { document: { ...document, referrers }, referrers: changed };
}
