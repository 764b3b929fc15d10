import { type Digest, Fault } from '@gantry/oci';
import {
  type Allocate,
  assembleRepository,
  decodeRepositoryFile,
  indexPath,
  type ListedRepository,
  readDocumentBytes,
  readListedRepository,
  type TreeSource,
} from '@gantry/tree';
import { listRepository, packListedRepository } from './packed-repository.ts';

/**
 * Reads a repository's document past the view's cache: it is packed at once, and its bulk is of no use after that.
 * @param allocate gives memory to read it into, which may be used anew as soon as it is packed; a new Buffer if absent
 * @throws Fault UNAVAILABLE, TREE_INVALID
 */
export async function readRepository(
  source: TreeSource,
  name: string,
  digest: Digest,
  allocate?: Allocate,
): Promise<Buffer> {
  const { listed } = await readRepositoryLists(source, name, digest, allocate);
  return packListedRepository(listed);
}

/**
 * The same, not packed: for who looks through it.
 * @returns with the size of the document itself, in bytes
 * @throws Fault UNAVAILABLE, TREE_INVALID
 */
export async function readRepositoryLists(
  source: TreeSource,
  name: string,
  digest: Digest,
  allocate?: Allocate,
): Promise<{ readonly listed: ListedRepository; readonly size: number }> {
  const where = `the document ${indexPath(digest)} of ${source.name}`;
  const bytes = await readDocumentBytes(source, digest, allocate);
  const size = bytes.length;
  const listed = readListedRepository(bytes);
  if (listed?.name === name) return { listed, size };
  const load = (part: Digest) => readDocumentBytes(source, part);
  const document = await assembleRepository(decodeRepositoryFile(bytes, where), load, where);
  if (document.name === name) return { listed: listRepository(document), size };
  throw new Fault('TREE_INVALID', `${where} is named for "${name}", and is of "${document.name}"`);
}
