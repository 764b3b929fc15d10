import { type Digest, digestOf, hasherFor, splitDigest } from '@gantry/oci';
import type { Statement } from './documents.ts';
import type { FindingLog } from './findings.ts';
import { hashFile, hashing } from './hash-file.ts';
import type { ListLine } from './documents.ts';
import { readList } from './lists.ts';
import { fullListPath, listPath, POINTER_PATH, serialPath } from './paths.ts';
import { decodeStatement, MAX_STATEMENT_BYTES, type StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';
import { newPoolFile, type PoolFile, type Verification } from './verification.ts';

/** The pool of a serial, as its lists tell it: the files whose `since` is not 0. */
export interface ReplayedPool {
  /** `since` is exact above this serial, and an upper bound at it: the full list that the replay began with, or 0. */
  readonly base: number;
}

/** The way that a tree has come. */
export interface History {
  /** The statements from the first one to the current one; only those after a break. */
  readonly chain: readonly Statement[];
  /** Undefined when the lists do not tell it. */
  readonly pool: ReplayedPool | undefined;
}

/** Checks the chain of statements back to the first one, and the lists. */
export async function verifyHistory(verification: Verification, current: StatedSerial): Promise<History> {
  verification.enter('lists');
  const chain = await walkChain(verification, current.statement);
  return { chain, pool: await replayPool(verification, chain, current.statement) };
}

/** The pointer must be a copy of `serial/<n>.json`. */
export async function verifyCopy(
  { source, log, absent }: Verification,
  current: StatedSerial,
): Promise<void> {
  const { serial } = current.statement;
  const path = serialPath(serial);
  try {
    const bytes = await source.read(path, MAX_STATEMENT_BYTES);
    if (bytes === undefined) absent.set(path, `${path} is absent, which ${POINTER_PATH} is a copy of`);
    else if (digestOf(bytes) !== current.digest) {
      log.add('fork', `${path} and ${POINTER_PATH} are both serial ${serial}, and not the same bytes`, {
        path,
      });
    }
  } catch (error) {
    log.addFault(error, { path });
  }
}

/** The statements from the first one to `current`; only those after a break. */
async function walkChain(verification: Verification, current: Statement): Promise<Statement[]> {
  const { source, log, signal } = verification;
  const read = readAhead((serial) => source.read(serialPath(serial), MAX_STATEMENT_BYTES));
  const chain = [current];
  for (let next: Statement | undefined = current; next !== undefined && next.previous !== null;) {
    signal?.throwIfAborted();
    const path = serialPath(next.previous.serial);
    try {
      next = followLink(next, await read(next.previous.serial), log);
      if (next !== undefined) chain.push(next);
    } catch (error) {
      log.addFault(error, { path });
      break;
    }
  }
  return chain.toReversed();
}

/** The statement before `next`, if its bytes are those that `next` names. @throws Fault TREE_INVALID */
function followLink(next: Statement, bytes: Uint8Array | undefined, log: FindingLog): Statement | undefined {
  if (next.previous === null) return undefined;
  const { serial, digest } = next.previous;
  const path = serialPath(serial);
  let why = 'is absent';
  if (bytes !== undefined && digestOf(bytes) !== digest) why = 'has other bytes';
  else if (bytes !== undefined) {
    const former = decodeStatement(bytes, path);
    if (former.tree === next.tree && former.serial === serial) return former;
    why = `is serial ${former.serial} of the tree ${former.tree}`;
  }
  log.add('broken-chain', `serial ${next.serial} follows serial ${serial} as ${digest}, and ${path} ${why}`, {
    path,
  });
  return undefined;
}

/** Reads the serials below the one asked for in advance: they are likely to be asked for next. */
function readAhead(
  read: (serial: number) => Promise<Uint8Array | undefined>,
): (serial: number) => Promise<Uint8Array | undefined> {
  const ahead = new Map<number, Promise<Uint8Array | undefined>>();
  return (serial) => {
    if (!ahead.has(serial)) {
      ahead.clear();
      for (let at = serial; at > Math.max(0, serial - SERIALS_AHEAD); at--) {
        const reading = read(at);
        // One that is never asked for must not end the process.
        reading.catch(() => undefined);
        ahead.set(at, reading);
      }
    }
    return ahead.get(serial) ?? Promise.resolve(undefined);
  };
}

const SERIALS_AHEAD = 16;

async function replayPool(
  verification: Verification,
  chain: readonly Statement[],
  current: Statement,
): Promise<ReplayedPool | undefined> {
  const { files } = verification;
  const base = current.full?.serial ?? 0;
  const earlier = chain[0]?.previous;
  let whole = earlier === null || (earlier?.serial ?? 0) <= base;
  if (current.full !== null) {
    const { serial, digest } = current.full;
    const read = await applyList(verification, {
      chain,
      serial,
      path: fullListPath(serial),
      digest,
      full: true,
      files,
    });
    whole &&= read;
  }
  for (const { serial, list } of chain) {
    // Lists at or below the full one need not be kept; the current one always is.
    if (serial <= base && serial !== current.serial) continue;
    const into = serial <= base ? undefined : files;
    const read = await applyList(verification, {
      chain,
      serial,
      path: listPath(serial),
      digest: list,
      files: into,
    });
    whole &&= read;
  }
  if (whole) return { base };
  files.clear();
  return undefined;
}

interface ListToApply {
  /** All statements: the bytes may be the list of another serial. */
  readonly chain: readonly Statement[];
  readonly serial: number;
  readonly path: string;
  readonly digest: Digest;
  readonly full?: boolean;
  /** The pool to change; absent when the list is only to be checked. */
  readonly files: Map<string, PoolFile> | undefined;
}

/** Reads a list, proves its digest and applies it. @returns whether all of it was right */
async function applyList(verification: Verification, list: ListToApply): Promise<boolean> {
  const { source, log, signal, absent } = verification;
  const { path, serial, digest, files, full = false } = list;
  signal?.throwIfAborted();
  try {
    const stream = await source.open(path);
    if (stream === undefined) {
      absent.set(path, `${path} is absent, which the chain of serials names`);
      return false;
    }
    const hasher = hasherFor(digest);
    for await (const line of readList(hashing(stream, hasher), path, { full })) {
      if (files !== undefined) applyLine(files, serial, line);
    }
    const read = hasher.digest('hex');
    if (read === splitDigest(digest).hex) return true;
    sayWrong(log, list, read);
  } catch (error) {
    // What can't be read as a list was more likely damaged than written so.
    const read = await hashOf(source, path, digest);
    if (read !== undefined && read !== splitDigest(digest).hex) sayWrong(log, list, read);
    else log.addFault(error, { path });
  }
  return false;
}

function applyLine(files: Map<string, PoolFile>, serial: number, line: ListLine): void {
  if (line.op === '-') {
    files.delete(line.path);
    return;
  }
  const known = files.get(line.path);
  if (known !== undefined) known.size = line.size;
  else files.set(line.path, newPoolFile(line.size, serial));
}

/** @param read the digest that the bytes have, in hex */
function sayWrong(log: FindingLog, { chain, path, digest, full = false }: ListToApply, read: string): void {
  const other = chain.find((statement) => {
    const named = full ? statement.full?.digest : statement.list;
    return named !== undefined && splitDigest(named).hex === read;
  });
  if (other === undefined) {
    const message = `the bytes of ${path} are not those of ${digest}, which its statement names`;
    log.add('corrupt', message, { path });
  } else log.add('mixed', `${path} holds the list of serial ${other.serial}`, { path });
}

async function hashOf(source: TreeSource, path: string, digest: Digest): Promise<string | undefined> {
  try {
    return (await hashFile(source, path, digest))?.hex;
  } catch {
    return undefined;
  }
}
