import { type Digest, digestOf, quote } from '@gantry/oci';
import type { Statement } from './documents.ts';
import { forEachParallel } from './parallel.ts';
import { indexPath, shardOf } from './paths.ts';
import { MAX_DOCUMENT_BYTES } from './reading-json.ts';
import { decodeRoot } from './root.ts';
import { decodeShard } from './shard.ts';
import type { Verification, VerifiedSerial } from './verification.ts';
import { type DocumentReport, type RepositoryReport, verifyRepository } from './verify-repository.ts';

/**
 * Reads and hashes all documents that the root reaches, and holds them to each other; at the level `roots` just the root
 * and its shards. What they name is noted as expected.
 */
export async function verifyDocuments(
  verification: Verification,
  { root }: Pick<Statement, 'root'>,
  about: VerifiedSerial,
): Promise<void> {
  verification.enter('documents');
  const walk: Walk = { ...verification, ...about };
  const top = await readAs(walk, root, 'the root document', decodeRoot);
  await forEachParallel(top?.shards ?? [], walk.crew?.tasks ?? walk.parallel, async ([key, digest]) => {
    const shard = await readAs(walk, digest, `the shard ${key}`, decodeShard);
    const named = [...(shard?.repositories ?? [])];
    for (const [name] of named) {
      if (shardOf(name) === key) continue;
      const message = `${quote(name)} is in the shard ${key}, and belongs into ${shardOf(name)}`;
      walk.log.add('invalid', message, { path: indexPath(digest), repository: name });
    }
    if (walk.level === 'roots') return;
    for (let at = 0; at < named.length; at += REPOSITORIES_AT_ONCE) {
      await verifyRepositories(walk, named.slice(at, at + REPOSITORIES_AT_ONCE));
    }
  });
}

/** So many are one task for a thread. */
const REPOSITORIES_AT_ONCE = 16;

type Walk = Verification & VerifiedSerial;

async function verifyRepositories(walk: Walk, named: readonly [string, Digest][]): Promise<void> {
  const deep = walk.level === 'deep';
  if (walk.crew === undefined) {
    for (const [name, digest] of named) {
      merge(walk, name, await verifyRepository(walk.source, name, digest, deep));
    }
    return;
  }
  const reports = await walk.crew.run({ type: 'repositories', named, deep });
  for (const [at, report] of reports.entries()) merge(walk, named[at]?.[0] ?? '', report);
}

function merge(walk: Walk, name: string, report: RepositoryReport): void {
  for (const document of report.documents) noteDocument(walk, document);
  const what = `the document of ${quote(name)}`;
  for (const [at, path] of report.paths.entries()) {
    expectFile(walk, path, what, { size: report.sizes[at] ?? 0, since: report.since[at] ?? 0 });
  }
  for (const path of report.proved) {
    const file = walk.expected.get(path);
    if (file !== undefined) file.done = true;
  }
  walk.count(0, report.bytes);
  for (const { kind, message, ...about } of report.findings) walk.log.add(kind, message, about);
}

/** A document, decoded; undefined when it is not as it should be, which is noted. */
async function readAs<T>(
  walk: Walk,
  digest: Digest,
  what: string,
  decode: (bytes: Uint8Array, where: string) => T,
): Promise<T | undefined> {
  const path = indexPath(digest);
  try {
    const bytes = await walk.source.read(path, MAX_DOCUMENT_BYTES);
    const isRight = bytes !== undefined && digestOf(bytes) === digest;
    const state = isRight ? 'proved' : bytes === undefined ? 'missing' : 'corrupt';
    noteDocument(walk, { path, what, state, size: bytes?.length ?? 0 });
    return isRight ? decode(bytes, `${what}, ${path}`) : undefined;
  } catch (error) {
    walk.log.addFault(error, { path });
    return undefined;
  }
}

/** Counts a document and says what is wrong with it, the first time that it is met. */
function noteDocument(walk: Walk, { path, what, state, size }: DocumentReport): void {
  const known = walk.expected.get(path);
  if (known?.done === true) {
    known.reached = true;
    return;
  }
  walk.count(1, size);
  if (state === 'missing') walk.absent.set(path, `${what} is absent: ${path}`);
  if (state === 'corrupt') {
    walk.log.add('corrupt', `the bytes of ${what}, ${path}, are not those of its digest`, { path });
  }
  expectFile(walk, path, what, { ...(state === 'proved' ? { size } : {}), done: true });
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
  if (known === undefined && pool !== undefined && listed === undefined) {
    if (walk.isCurrent) invalid(`no list put it into the pool of serial ${walk.serial}`);
    else invalid(`it was taken out of the pool since: serial ${walk.serial} is not kept any longer`);
  }
  const told = known?.size ?? listed?.size;
  if (told !== undefined && size !== undefined && told !== size) {
    invalid(`gives it ${size} bytes, where another place says ${told}`);
  }
  if (since !== undefined && since > walk.serial) invalid(`says that it is there since serial ${since}`);
  // A `since` that is too low sends readers to mirrors which lack the file.
  if (listed !== undefined && since !== undefined && listed.since > (pool?.base ?? 0)) {
    if (since < listed.since)
      invalid(`says that it is there since serial ${since}, where the lists say ${listed.since}`);
  }
  if (known === undefined) {
    expected.set(path, { size: size ?? listed?.size ?? 0, done, seen: false, reached: true });
  } else {
    known.done ||= done;
    known.reached = true;
  }
}
