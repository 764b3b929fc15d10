import { type Digest, digestOf, forEachConcurrently, quote } from '@gantry/oci';
import type { Statement } from './documents.ts';
import { indexPath, serialPath, shardOf } from './paths.ts';
import { MAX_DOCUMENT_BYTES } from './reading-json.ts';
import { decodeRoot } from './root.ts';
import { decodeShard } from './shard.ts';
import { newPoolFile, type PoolFile, type Verification, type VerifiedSerial } from './verification.ts';
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
  await forEachConcurrently(top?.shards ?? [], walk.crew?.tasks ?? walk.parallel, async ([key, digest]) => {
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
  const paths = report.paths === '' ? [] : report.paths.split('\n');
  for (const [at, path] of paths.entries()) {
    expectFile(walk, path, what, report.sizes[at] ?? 0, report.since[at] ?? 0);
  }
  for (const at of report.proved) {
    const file = walk.files.get(paths[at] ?? '');
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
  const known = walk.files.get(path);
  if (known?.done === true) {
    known.reached = true;
    return;
  }
  walk.count(1, size);
  if (state === 'missing') walk.absent.set(path, `${what} is absent: ${path}`);
  if (state === 'corrupt') {
    walk.log.add('corrupt', `the bytes of ${what}, ${path}, are not those of its digest`, { path });
  }
  const file = expectFile(walk, path, what, state === 'proved' ? size : undefined);
  file.done = true;
  file.counted = true;
}

/** Notes a file that a document names, once it is held to the lists and to what other documents say of it. */
function expectFile(walk: Walk, path: string, what: string, size?: number, since?: number): PoolFile {
  const known = walk.files.get(path);
  const file = known ?? newPoolFile(size ?? 0, 0);
  if (known === undefined) walk.files.set(path, file);
  const isRight =
    (file.since > 0 || walk.pool === undefined) &&
    (size === undefined || size === file.size) &&
    (since === undefined || (since <= walk.serial && since >= leastSince(walk, file)));
  if (!isRight) sayContradiction(walk, path, what, { file, isNew: !file.reached, size, since });
  file.reached = true;
  return file;
}

/** A `since` that is lower sends readers to mirrors which lack the file. */
function leastSince({ pool }: Walk, { since }: PoolFile): number {
  return since > (pool?.base ?? 0) ? since : 0;
}

/** Once: of the first file that has left the pool. */
function sayNotKept({ log, serial }: Walk, path: string, what: string): void {
  if (log.counts['not-kept'] !== undefined) return;
  const message = `serial ${serial} is not kept any longer, or not whole: ${path}, of ${what}, has left the pool since`;
  log.add('not-kept', message, { path: serialPath(serial) });
}

function sayContradiction(
  walk: Walk,
  path: string,
  what: string,
  {
    file,
    isNew,
    size,
    since,
  }: { file: PoolFile; isNew: boolean; size: number | undefined; since: number | undefined },
): void {
  const invalid = (why: string) => walk.log.add('invalid', `${what} names ${path}, and ${why}`, { path });
  if (isNew && walk.pool !== undefined && file.since === 0) {
    if (walk.isCurrent) invalid(`no list put it into the pool of serial ${walk.serial}`);
    else sayNotKept(walk, path, what);
  }
  if (size !== undefined && size !== file.size)
    invalid(`gives it ${size} bytes, where another place says ${file.size}`);
  if (since === undefined) return;
  if (since > walk.serial) invalid(`says that it is there since serial ${since}`);
  if (since < leastSince(walk, file))
    invalid(`says that it is there since serial ${since}, where the lists say ${file.since}`);
}
