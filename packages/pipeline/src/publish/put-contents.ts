import { forEachConcurrently } from '@gantry/oci';
import type { EncodedDocument } from '@gantry/tree';
import { refusePurged } from '../take-back/purged-objects.ts';
import type { ChangePart } from './compose-change.ts';
import type { PoolContent } from './compose-repository.ts';
import type { PublishContext } from './published-tree.ts';

const PUTS_AT_ONCE = 16;

/**
 * Contents and documents: those that are new, all of what is promoted once more, or simply all.
 * @param again paths of what is in the tree, and may be missing there
 */
export function whatIsToBePut(
  { contents, newContents, documents, newDocuments }: ChangePart,
  again: ReadonlySet<string>,
  full: boolean,
): [readonly PoolContent[], readonly EncodedDocument[]] {
  if (full) return [contents, documents];
  if (again.size === 0) return [newContents, newDocuments];
  const fresh = new Set(newContents);
  return [contents.filter((object) => fresh.has(object) || again.has(object.path)), documents];
}

function isBlob({ path }: PoolContent): boolean {
  return path.startsWith('pool/blobs/');
}

/** Blobs, then manifests, then documents: each phase durable before the next names it. */
export async function putContents(
  context: PublishContext,
  contents: readonly PoolContent[],
  documents: readonly EncodedDocument[],
): Promise<void> {
  const { tree } = context;
  const put = (object: PoolContent) => tree.target.putContent(object);
  await forEachConcurrently(contents.filter(isBlob), PUTS_AT_ONCE, put);
  await tree.target.settle();
  await forEachConcurrently(
    contents.filter((object) => !isBlob(object)),
    PUTS_AT_ONCE,
    put,
  );
  await tree.target.settle();
  await refusePurged(context, contents);
  await forEachConcurrently(documents, PUTS_AT_ONCE, ({ path, bytes }) =>
    tree.target.putDocument(path, bytes),
  );
  await tree.target.settle();
}
