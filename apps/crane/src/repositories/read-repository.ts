import { type Digest, Fault } from '@gantry/oci';
import {
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
 * @throws Fault UNAVAILABLE, TREE_INVALID
 */
export async function readRepository(source: TreeSource, name: string, digest: Digest): Promise<Buffer> {
  const where = `the document ${indexPath(digest)} of ${source.name}`;
  const load = (part: Digest) => readDocumentBytes(source, part);
  const bytes = await load(digest);
  const listed = readListedRepository(bytes);
  if (listed?.name === name) return packListedRepository(listed);
  const document = await assembleRepository(decodeRepositoryFile(bytes, where), load, where);
  if (document.name === name) return packRepository(document);
  throw new Fault('TREE_INVALID', `${where} is named for "${name}", and is of "${document.name}"`);
}
