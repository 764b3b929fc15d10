import { type Digest, MANIFEST_MAX_BYTES, digestOf, splitDigest } from '@gantry/oci';
import { hashFile } from './hash-file.ts';
import { forEachParallel } from './parallel.ts';
import { parsePath, type TreePath } from './paths.ts';
import type { ServedCheck } from './verify-served.ts';
import type { ExpectedFile, Verification, VerifiedSerial } from './verification.ts';

/**
 * Looks at every expected file: that it is there, its size, at the level `deep` its digest, and of a server's files how
 * they are served. Where the place can be listed, files that nobody expects are found, too.
 */
export async function verifyFiles(
  verification: Verification,
  served: ServedCheck | undefined,
  about: VerifiedSerial,
): Promise<void> {
  verification.enter('files');
  const { source, crew } = verification;
  if (crew !== undefined) await listByCrew(verification, crew, about);
  else if (source.list === undefined) await askForEach(verification, served);
  else await listAll(verification, served, source.list(''), about);
}

/** A web server is asked for one file after the other. */
async function askForEach(verification: Verification, served: ServedCheck | undefined): Promise<void> {
  const { source, log, expected, parallel } = verification;
  await forEachParallel(expected, parallel, async ([path, file]) => {
    const parsed = parsePath(path);
    // How a manifest is served was seen when it was read.
    if (file.done && (parsed?.type !== 'manifest' || served?.seesReads === true)) {
      if (parsed?.type !== 'index') verification.count(1, 0);
      return;
    }
    try {
      const found = await source.stat(path);
      if (found === undefined) noteAbsent(verification, path);
      else {
        served?.check(path, found);
        await checkFile(verification, path, file, found.size);
      }
    } catch (error) {
      log.addFault(error, { path });
    }
  });
}

/** All that lies there is gone through once, which also shows what does not belong there. */
async function listAll(
  verification: Verification,
  served: ServedCheck | undefined,
  files: AsyncIterable<{ path: string; size: number; irregular?: true }>,
  about: VerifiedSerial,
): Promise<void> {
  const { source, log, parallel } = verification;
  await forEachParallel(files, parallel, async ({ path, size, irregular }) => {
    const file = meet(verification, path, irregular === true, about);
    try {
      if (served !== undefined && parsePath(path) !== undefined) {
        const found = await source.stat(path);
        if (found !== undefined) served.check(path, found);
      }
      if (file !== undefined) await checkFile(verification, path, file, size);
    } catch (error) {
      log.addFault(error, { path });
    }
  });
  noteUnseen(verification);
}

/** Notes a file that was met. @returns what is to be looked at more closely */
function meet(
  verification: Verification,
  path: string,
  irregular: boolean,
  about: VerifiedSerial,
): ExpectedFile | undefined {
  const file = verification.expected.get(path);
  if (file === undefined) {
    if (path.startsWith(UNFINISHED)) return undefined;
    const why = irregular ? NOT_PLAIN : strangeness(path, about);
    if (why !== undefined) verification.extra.set(path, `${path} ${why}`);
    return undefined;
  }
  file.seen = true;
  if (!irregular) return file;
  verification.log.add('invalid', `${path} ${NOT_PLAIN}`, { path });
  return undefined;
}

function noteUnseen(verification: Verification): void {
  for (const [path, { seen, done }] of verification.expected) {
    if (seen || (done && parsePath(path)?.type === 'index')) continue;
    noteAbsent(verification, path);
  }
}

/** Where a publisher in a folder keeps what it has not finished; no reader looks there, and no mirror takes it along. */
const UNFINISHED = '.tmp/';

const NOT_PLAIN = 'is no plain file: a tree holds no links and no devices';

/** Why a file that nobody expects should not be there. */
function strangeness(path: string, { serial, isCurrent, pool }: VerifiedSerial): string | undefined {
  const parsed = parsePath(path);
  if (parsed === undefined) return "is no name of the tree's";
  // What other serials have is not known when it is an earlier one that is looked at.
  if (!isCurrent) return undefined;
  if ('digest' in parsed) {
    return pool === undefined
      ? undefined
      : `is in no pool of serial ${serial}: left over, or not deleted yet`;
  }
  if ('serial' in parsed && parsed.serial > serial)
    return `is above serial ${serial}, which is the current one`;
  return undefined;
}

async function checkFile(
  verification: Verification,
  path: string,
  file: ExpectedFile,
  size: number,
): Promise<void> {
  const { source, log, level, count } = verification;
  const parsed = isToHash(verification, path, file, size);
  if (parsed === undefined) return;
  if (level !== 'deep') {
    count(1, 0);
    return;
  }
  const hashed =
    parsed.type === 'manifest' && size <= MANIFEST_MAX_BYTES
      ? await hashManifest(verification, path, parsed.digest)
      : await hashFile(source, path, parsed.digest, (bytes) => count(0, bytes));
  count(1, 0);
  if (hashed === undefined) verification.absent.set(path, `${path} is absent`);
  else if (!hashed.matches) sayCorrupt(log, path);
}

/** Read at once: a web server's answers to it are looked at. */
async function hashManifest({ source, count }: Verification, path: string, digest: Digest) {
  const bytes = await source.read(path, MANIFEST_MAX_BYTES);
  count(0, bytes?.length ?? 0);
  return bytes && { matches: digestOf(bytes, splitDigest(digest).algorithm) === digest };
}

/** Counts a file of which everything is known by now, with its size; else tells what its name says. */
function isToHash(
  { log, count }: Verification,
  path: string,
  file: ExpectedFile,
  size: number,
): Extract<TreePath, { digest: Digest }> | undefined {
  const parsed = parsePath(path);
  if (file.done || parsed === undefined || !('digest' in parsed)) {
    if (parsed?.type !== 'index') count(1, 0);
    return undefined;
  }
  if (size === file.size) return parsed;
  count(1, 0);
  log.add('wrong-size', `${path} has ${size} bytes, and should have ${file.size}`, { path });
  return undefined;
}

function noteAbsent({ absent, count }: Verification, path: string): void {
  count(1, 0);
  absent.set(path, `${path} is absent`);
}

function sayCorrupt(log: Verification['log'], path: string): void {
  log.add('corrupt', `the bytes of ${path} are not those of its digest`, { path });
}

interface FileToHash {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
}

/** A directory's folders are listed by the crew, and then its files are hashed, the largest first. */
async function listByCrew(
  verification: Verification,
  crew: NonNullable<Verification['crew']>,
  about: VerifiedSerial,
): Promise<void> {
  const toHash: FileToHash[] = [];
  let folders = [''];
  while (folders.length > 0) {
    const below: string[] = [];
    await forEachParallel(folders, crew.tasks, async (folder) => {
      const listing = await crew.run({ type: 'list', folder });
      const inTree = (name: string) => (folder === '' ? name : `${folder}/${name}`);
      below.push(...listing.folders.map(inTree));
      const irregular = new Set(listing.irregular);
      for (const [at, name] of listing.names.entries()) {
        const path = inTree(name);
        const file = meet(verification, path, irregular.has(name), about);
        if (file === undefined) continue;
        const size = listing.sizes[at] ?? 0;
        const parsed = isToHash(verification, path, file, size);
        if (parsed === undefined) continue;
        if (verification.level === 'deep') toHash.push({ path, digest: parsed.digest, size });
        else verification.count(1, 0);
      }
    });
    folders = below;
  }
  noteUnseen(verification);
  toHash.sort((a, b) => b.size - a.size);
  await forEachParallel(batches(toHash), crew.tasks, (files) => hashByCrew(verification, crew, files));
}

async function hashByCrew(
  { log, count, absent }: Verification,
  crew: NonNullable<Verification['crew']>,
  files: readonly FileToHash[],
): Promise<void> {
  const answer = await crew.run(
    { type: 'hash', files: files.map(({ path, digest }) => [path, digest] as const) },
    (bytes) => count(0, bytes),
  );
  const pathOf = (at: number) => files[at]?.path ?? '';
  for (const at of answer.absent) absent.set(pathOf(at), `${pathOf(at)} is absent`);
  for (const at of answer.corrupt) sayCorrupt(log, pathOf(at));
  for (const [at, why] of answer.unreadable) log.add('unreadable', why, { path: pathOf(at) });
  count(files.length, answer.bytes);
}

const BATCH_FILES = 500;
const BATCH_BYTES = 64 * 1024 * 1024;

/** So many at a time that telling a thread of them is cheap beside hashing them. */
function* batches(files: readonly FileToHash[]): Generator<readonly FileToHash[]> {
  let batch: FileToHash[] = [];
  let bytes = 0;
  for (const file of files) {
    batch.push(file);
    bytes += file.size;
    if (batch.length < BATCH_FILES && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
