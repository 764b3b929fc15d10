import { digestOf, forEachConcurrently, MANIFEST_MAX_BYTES, splitDigest } from '@gantry/oci';
import { hashFile } from './hash-file.ts';
import { parsePath } from './paths.ts';
import type { ServedCheck } from './verify-served.ts';
import { aboveCurrent } from './verify-newer.ts';
import { isExpected, type PoolFile, type Verification, type VerifiedSerial } from './verification.ts';

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
  else if (source.list === undefined) await askForEach(verification, served, about);
  else await listAll(verification, served, source.list(''), about);
}

/** A web server is asked for one file after the other. */
async function askForEach(
  verification: Verification,
  served: ServedCheck | undefined,
  about: VerifiedSerial,
): Promise<void> {
  const { source, log, files, parallel } = verification;
  await forEachConcurrently(files, parallel, async ([path, file]) => {
    if (!isExpected(file, about) || file.counted) return;
    // How a manifest is served was seen when it was read.
    const isSeen = file.done && (served?.seesReads === true || parsePath(path)?.type !== 'manifest');
    try {
      const found = isSeen ? undefined : await source.stat(path);
      if (found !== undefined) served?.check(path, found);
      if (isSeen || found !== undefined) await checkFile(verification, path, file, found?.size ?? file.size);
      else noteAbsent(verification, path);
    } catch (error) {
      log.addFault(error, { path });
    }
  });
}

/** All that lies there is gone through once, which also shows what does not belong there. */
async function listAll(
  verification: Verification,
  served: ServedCheck | undefined,
  listed: AsyncIterable<{ path: string; size: number; irregular?: true }>,
  about: VerifiedSerial,
): Promise<void> {
  const { source, log, parallel } = verification;
  await forEachConcurrently(listed, parallel, async ({ path, size, irregular }) => {
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
  noteUnseen(verification, about);
}

/** Notes a file that was met. @returns what is to be looked at more closely */
function meet(
  verification: Verification,
  path: string,
  irregular: boolean,
  about: VerifiedSerial,
): PoolFile | undefined {
  const file = verification.files.get(path);
  if (file === undefined || !isExpected(file, about)) {
    if (path.startsWith(UNFINISHED)) return undefined;
    const why = irregular ? `${path} ${NOT_PLAIN}` : strangeness(path, about);
    if (why !== undefined) verification.extra.set(path, why);
    return undefined;
  }
  file.seen = true;
  if (!irregular) return file;
  verification.log.add('invalid', `${path} ${NOT_PLAIN}`, { path });
  return undefined;
}

function noteUnseen(verification: Verification, about: VerifiedSerial): void {
  for (const [path, file] of verification.files) {
    if (!file.seen && !file.counted && isExpected(file, about)) noteAbsent(verification, path);
  }
}

/** Where a publisher in a folder keeps what it has not finished; no reader looks there, and no mirror takes it along. */
const UNFINISHED = '.tmp/';

const NOT_PLAIN = 'is no plain file: a tree holds no links and no devices';

/** Why a file that nobody expects should not be there. */
function strangeness(path: string, { serial, isCurrent, pool }: VerifiedSerial): string | undefined {
  const parsed = parsePath(path);
  if (parsed === undefined) return `${path} is no name of the tree's`;
  // What other serials have is not known when it is an earlier one that is looked at.
  if (!isCurrent) return undefined;
  if ('digest' in parsed) {
    return pool === undefined
      ? undefined
      : `${path} is not in the pool of serial ${serial}: left over, or not deleted yet`;
  }
  if ('serial' in parsed && parsed.serial > serial) return aboveCurrent(path, serial);
  return undefined;
}

async function checkFile(
  verification: Verification,
  path: string,
  file: PoolFile,
  size: number,
): Promise<void> {
  const { log, level } = verification;
  if (isKnown(verification, path, file, size)) return;
  file.done = true;
  if (level === 'deep') {
    const isRight = await isRightInside(verification, path, size);
    if (isRight === undefined) verification.absent.set(path, `${path} is absent`);
    else if (!isRight) sayCorrupt(log, path);
  }
  countOnce(verification, file);
}

/** Whether its bytes are those of its digest; undefined if it is absent. */
async function isRightInside(
  { source, count }: Verification,
  path: string,
  size: number,
): Promise<boolean | undefined> {
  const parsed = parsePath(path);
  if (parsed === undefined || !('digest' in parsed)) return true;
  const { type, digest } = parsed;
  if (type === 'manifest' && size <= MANIFEST_MAX_BYTES) {
    // Read at once: a web server's answers to it are looked at.
    const bytes = await source.read(path, MANIFEST_MAX_BYTES);
    count(0, bytes?.length ?? 0);
    return bytes && digestOf(bytes, splitDigest(digest).algorithm) === digest;
  }
  return (await hashFile(source, path, digest, (bytes) => count(0, bytes)))?.matches;
}

/** Whether there is nothing more to look at: it was read before, or has another size. */
function isKnown(verification: Verification, path: string, file: PoolFile, size: number): boolean {
  if (!file.done && size === file.size) return false;
  if (!file.done) sayWrongSize(verification.log, path, file, size);
  countOnce(verification, file);
  return true;
}

function countOnce({ count }: Verification, file: PoolFile): void {
  if (file.counted) return;
  file.counted = true;
  count(1, 0);
}

function noteAbsent({ absent, count }: Verification, path: string): void {
  count(1, 0);
  absent.set(path, `${path} is absent`);
}

function sayWrongSize(log: Verification['log'], path: string, file: PoolFile, size: number): void {
  log.add('wrong-size', `${path} has ${size} bytes, and should have ${file.size}`, { path });
}

function sayCorrupt(log: Verification['log'], path: string): void {
  log.add('corrupt', `the bytes of ${path} are not those of its digest`, { path });
}

type FileToHash = readonly [path: string, file: PoolFile];

/** A directory's folders are listed by the crew, and then its files are hashed, the largest first. */
async function listByCrew(
  verification: Verification,
  crew: NonNullable<Verification['crew']>,
  about: VerifiedSerial,
): Promise<void> {
  const toHash: FileToHash[] = [];
  const deep = verification.level === 'deep';
  let folders = [''];
  while (folders.length > 0) {
    const below: string[] = [];
    await forEachConcurrently(folders, crew.tasks, async (folder) => {
      const listing = await crew.run({ type: 'list', folder, withSizes: !deep });
      const start = folder === '' ? '' : `${folder}/`;
      for (const name of listing.folders) below.push(start + name);
      const irregular = new Set(listing.irregular);
      for (const [at, name] of listing.names.entries()) {
        const path = start + name;
        const file = meet(verification, path, irregular.has(name), about);
        if (file === undefined) continue;
        // Of a file that is hashed the size is looked at then.
        if (isKnown(verification, path, file, listing.sizes[at] ?? file.size)) continue;
        if (deep) toHash.push([path, file]);
        else countOnce(verification, file);
      }
    });
    folders = below;
  }
  noteUnseen(verification, about);
  await forEachConcurrently(batches(toHash), crew.tasks, (batch) => hashByCrew(verification, crew, batch));
}

async function hashByCrew(
  verification: Verification,
  crew: NonNullable<Verification['crew']>,
  batch: readonly FileToHash[],
): Promise<void> {
  const { log, count, absent } = verification;
  const paths = batch.map(([path]) => path);
  const sizes = batch.map(([, { size }]) => size);
  const answer = await crew.run({ type: 'hash', paths: paths.join('\n'), sizes }, (bytes) => count(0, bytes));
  const pathOf = (at: number) => paths[at] ?? '';
  for (const at of answer.absent) absent.set(pathOf(at), `${pathOf(at)} is absent`);
  for (const at of answer.corrupt) sayCorrupt(log, pathOf(at));
  for (const [at, size] of answer.wrongSize) {
    const file = batch[at]?.[1];
    if (file !== undefined) sayWrongSize(log, pathOf(at), file, size);
  }
  for (const [at, why] of answer.unreadable) log.add('unreadable', why, { path: pathOf(at) });
  count(batch.length, answer.bytes);
}

const LARGE_BYTES = 16 * 1024 * 1024;
const BATCH_FILES = 500;

/**
 * So many at a time that telling a thread of them is cheap beside hashing them; large ones alone and first, so that no
 * thread has one to do when the others have ended.
 */
function* batches(files: readonly FileToHash[]): Generator<readonly FileToHash[]> {
  const large = files.filter(([, { size }]) => size >= LARGE_BYTES);
  for (const file of large.toSorted(([, a], [, b]) => b.size - a.size)) yield [file];
  let batch: FileToHash[] = [];
  let bytes = 0;
  for (const file of files) {
    const { size } = file[1];
    if (size >= LARGE_BYTES) continue;
    batch.push(file);
    bytes += size;
    if (batch.length < BATCH_FILES && bytes < LARGE_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
