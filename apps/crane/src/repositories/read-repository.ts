import { type Digest, Fault } from '@gantry/oci';
import {
  type Allocate,
  assembleRepository,
  decodeRepositoryFile,
  indexPath,
  readDocumentBytes,
  readListedRepository,
  type TreeSource,
} from '@gantry/tree';
import { packListedRepository, packRepository } from './packed-repository.ts';

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
  const where = `the document ${indexPath(digest)} of ${source.name}`;
  const bytes = await readDocumentBytes(source, digest, allocate);
  const listed = readListedRepository(bytes);
  if (listed?.name === name) return packListedRepository(listed);
  const load = (part: Digest) => readDocumentBytes(source, part);
  const document = await assembleRepository(decodeRepositoryFile(bytes, where), load, where);
  if (document.name === name) return packRepository(document);
  throw new Fault('TREE_INVALID', `${where} is named for "${name}", and is of "${document.name}"`);
}
