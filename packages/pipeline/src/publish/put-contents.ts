import { asFault, type Fault, forEachConcurrently } from '@gantry/oci';
import type { EncodedDocument } from '@gantry/tree';
import { refusePurged } from '../take-back/purged-objects.ts';
import type { ChangePart } from './compose-change.ts';
import type { PoolContent } from './compose-repository.ts';
import type { PublishContext } from './published-tree.ts';

const PUTS_AT_ONCE = 16;

/**
 * Contents and documents: those that are new, all of what is promoted once more, or simply all.
 * @param again paths of what is in the tree, and may be missing there
 * @param hasLost whether documents of the tree were found lost: what is composed may be these
 */
export function whatIsToBePut(
  { contents, newContents, documents, newDocuments }: ChangePart,
  again: ReadonlySet<string>,
  hasLost: boolean,
  full: boolean,
): [readonly PoolContent[], readonly EncodedDocument[]] {
  if (full) return [contents, documents];
  if (again.size === 0) return [newContents, hasLost ? documents : newDocuments];
  const fresh = new Set(newContents);
  return [contents.filter((object) => fresh.has(object) || again.has(object.path)), documents];
}

/** The store has not got it, or not whole. */
const NOT_IN_STORE: ReadonlySet<string> = new Set(['BLOB_UNKNOWN', 'CONTENT_CORRUPT']);

function isBlob({ path }: PoolContent): boolean {
  return path.startsWith('pool/blobs/');
}

/** What a mending publication puts is in the tree already, for the most part. */
export interface Mending {
  /** Whether it comes into the pool just now: then it has to be whole. */
  readonly isNew: (path: string) => boolean;
  /** Told what is damaged or missing in the tree, and can't be put right. Must not throw. */
  readonly onUnmended: (fault: Fault) => void;
}

/**
 * Blobs, then manifests, then documents: each phase durable before the next names it.
 * @param mending has manifests that are there read, too; blobs are a scrub's to read
 */
export async function putContents(
  context: PublishContext,
  contents: readonly PoolContent[],
  documents: readonly EncodedDocument[],
  mending?: Mending,
): Promise<void> {
  const { tree } = context;
  const put = async (object: PoolContent) => {
    try {
      await tree.target.putContent(object, { check: mending !== undefined && !isBlob(object) });
    } catch (error) {
      const fault = asFault(error);
      if (mending === undefined || mending.isNew(object.path) || !NOT_IN_STORE.has(fault.code)) throw error;
      mending.onUnmended(fault);
    }
  };
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
