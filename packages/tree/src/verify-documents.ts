import {
  type Digest,
  digestOf,
  isForeign,
  MANIFEST_MAX_BYTES,
  MANIFEST_MEDIA_TYPES,
  parseManifest,
  quote,
  splitDigest,
} from '@gantry/oci';
import type { RepositoryDocument, Statement } from './documents.ts';
import { tagName } from './findings.ts';
import { forEachParallel } from './parallel.ts';
import { blobPath, indexPath, manifestPath, shardOf } from './paths.ts';
import { MAX_DOCUMENT_BYTES } from './reading-json.ts';
import { decodeReferrers } from './referrers.ts';
import { assembleRepository, decodeRepositoryFile } from './repository-file.ts';
import { decodeRoot } from './root.ts';
import { decodeShard } from './shard.ts';
import type { Verification } from './verification.ts';
import type { ReplayedPool } from './verify-history.ts';

/**
 * Reads and hashes all documents that the root reaches, and holds them to each other. What they name is noted as
 * expected.
 */
export async function verifyDocuments(
  verification: Verification,
  statement: Statement,
  pool: ReplayedPool | undefined,
): Promise<void> {
  const walk: Walk = { ...verification, serial: statement.serial, pool };
  const root = await readAs(walk, statement.root, 'the root document', decodeRoot);
  await forEachParallel(root?.shards ?? [], verification.parallel, async ([key, digest]) => {
    const shard = await readAs(walk, digest, `the shard ${key}`, decodeShard);
    for (const [name, document] of shard?.repositories ?? []) {
      if (shardOf(name) !== key) {
        const path = indexPath(digest);
        walk.log.add('invalid', `${quote(name)} is in the shard ${key}, and belongs into ${shardOf(name)}`, {
          path,
        });
      }
      await verifyRepository(walk, name, document);
    }
  });
}

interface Walk extends Verification {
  readonly serial: number;
  readonly pool: ReplayedPool | undefined;
}

/** Thrown for a document that could not be had; why was noted already. */
const NOTED = new Error('noted');

/** A document, decoded; undefined when it is not as it should be, which is noted. */
async function readAs<T>(
  walk: Walk,
  digest: Digest,
  what: string,
  decode: (bytes: Uint8Array, where: string) => T | Promise<T>,
): Promise<T | undefined> {
  const path = indexPath(digest);
  try {
    return await decode(await readProved(walk, digest, what), `${what}, ${path}`);
  } catch (error) {
    if (error !== NOTED) walk.log.addFault(error, { path });
    return undefined;
  }
}

/** The bytes of a document whose digest is right. @throws NOTED */
async function readProved(walk: Walk, digest: Digest, what: string): Promise<Uint8Array> {
  const path = indexPath(digest);
  const again = walk.expected.get(path)?.done === true;
  const bytes = await walk.source.read(path, MAX_DOCUMENT_BYTES);
  const proved = bytes !== undefined && digestOf(bytes) === digest;
  if (!again) {
    walk.count(1, bytes?.length ?? 0);
    if (bytes === undefined) walk.log.add('missing', `${what} is absent: ${path}`, { path });
    else if (!proved)
      walk.log.add('corrupt', `the bytes of ${what}, ${path}, are not those of its digest`, { path });
    expectFile(walk, path, what, { ...(proved ? { size: bytes.length } : {}), done: true });
  }
  if (!proved) throw NOTED;
  return bytes;
}

/** Notes a file that a document names, once it is held to the lists and to what other documents say of it. */
function expectFile(
  walk: Walk,
  path: string,
  what: string,
  { size, since, done = false }: { size?: number; since?: number; done?: boolean },
): void {
  const { log, pool, expected } = walk;
  const invalid = (why: string) => log.add('invalid', `${what} names ${path}, and ${why}`, { path });
  const known = expected.get(path);
  const listed = pool?.entries.get(path);
  if (known === undefined && pool !== undefined)
    invalid(`no list put it into the pool of serial ${walk.serial}`);
  if (known !== undefined && size !== undefined && known.size !== size) {
    invalid(`gives it ${size} bytes, where another place says ${known.size}`);
  }
  if (since !== undefined && since > walk.serial) invalid(`says that it is there since serial ${since}`);
  // A `since` that is too low sends readers to mirrors which lack the file.
  if (pool !== undefined && listed !== undefined && since !== undefined) {
    if (listed.since > pool.base && since < listed.since) {
      invalid(`says that it is there since serial ${since}, where the lists say ${listed.since}`);
    }
  }
  if (known === undefined) expected.set(path, { size: size ?? 0, done, seen: false });
  else known.done ||= done;
}

async function verifyRepository(walk: Walk, name: string, digest: Digest): Promise<void> {
  const what = `the document of ${quote(name)}`;
  const repository = await readAs(walk, digest, what, (bytes, where) =>
    assembleRepository(
      decodeRepositoryFile(bytes, where),
      (part) => readProved(walk, part, `a part of ${what}`),
      where,
    ),
  );
  if (repository === undefined) return;
  const path = indexPath(digest);
  const invalid = (message: string, tag?: string) =>
    walk.log.add('invalid', message, { path, repository: name, ...(tag === undefined ? {} : { tag }) });
  if (repository.name !== name) invalid(`${what} names itself ${quote(repository.name)}`);
  for (const [tag, target] of repository.tags) {
    if (!repository.manifests.has(target)) {
      invalid(`${tagName(name, tag)} is ${target}, which is not among its manifests`, tag);
    }
  }
  for (const [manifest, { kind, size, since }] of repository.manifests) {
    expectFile(walk, manifestPath(kind, manifest), what, { size, since });
  }
  for (const [blob, { size, since }] of repository.blobs) {
    expectFile(walk, blobPath(blob), what, { size, since });
  }
  for (const [subject, list] of repository.referrers) {
    const referrers = await readAs(
      walk,
      list,
      `the referrers of ${subject} in ${quote(name)}`,
      decodeReferrers,
    );
    for (const { digest: referrer } of referrers ?? []) {
      if (!repository.manifests.has(referrer)) {
        invalid(`${referrer} refers to ${subject} in ${quote(name)}, and is not among its manifests`);
      }
    }
  }
  if (walk.deep) await verifyManifests(walk, repository, invalid);
}

/** Each manifest's bytes, digest and kind, and that the repository has its blobs. */
async function verifyManifests(
  walk: Walk,
  repository: RepositoryDocument,
  invalid: (message: string) => void,
): Promise<void> {
  for (const [digest, { kind, size }] of repository.manifests) {
    const path = manifestPath(kind, digest);
    try {
      const bytes = await walk.source.read(path, MANIFEST_MAX_BYTES);
      walk.count(0, bytes?.length ?? 0);
      // Absent, of another size or corrupt: found when the files are looked at.
      if (bytes?.length !== size || digestOf(bytes, splitDigest(digest).algorithm) !== digest) continue;
      const file = walk.expected.get(path);
      if (file !== undefined) file.done = true;
      const manifest = parseManifest(bytes, MANIFEST_MEDIA_TYPES[kind], digest);
      for (const blob of manifest.blobs) {
        if (repository.blobs.has(blob.digest) || isForeign(blob)) continue;
        invalid(`${digest} needs the blob ${blob.digest}, which ${quote(repository.name)} does not name`);
      }
    } catch (error) {
      walk.log.addFault(error, { path });
    }
  }
}
