import { createHash } from 'node:crypto';
import { type Digest, Fault, splitDigest } from '@gantry/oci';
import {
  applyLine,
  fullListPath,
  type ListLine,
  listPath,
  type PoolEntry,
  readList,
  readStatement,
  type StatedSerial,
  type Statement,
  type TreeSource,
} from '@gantry/tree';
import { newestClaimed } from '../publish/newest-claimed.ts';

/**
 * The tree's newest statement: the newest claimed one that goes on from the pointer, which may not have reached it when a
 * publisher died. All that it names was durable before.
 * @returns undefined for a tree that nothing was published to
 * @throws Fault TREE_INVALID
 */
export async function newestStatement(
  source: TreeSource,
  highestSerial: number,
): Promise<StatedSerial | undefined> {
  const current = await readStatement(source);
  return (await newestClaimed(source, highestSerial, current)).newest ?? current;
}

/**
 * The statements from the oldest one that can be reached up to the newest, as each names the one before it.
 * @param onBreak told why the chain does not go back to the first serial
 */
export async function statementsUpTo(
  source: TreeSource,
  newest: Statement,
  onBreak: (why: string) => void,
): Promise<Statement[]> {
  const chain = [newest];
  for (let at = newest; at.previous !== null;) {
    const { serial, digest } = at.previous;
    let former: StatedSerial | undefined;
    try {
      former = await readStatement(source, serial);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'TREE_INVALID') throw error;
    }
    if (former?.digest !== digest) {
      onBreak(
        `the statement of serial ${serial} is ${former === undefined ? 'absent' : 'another than serial ' + at.serial + ' names'}: nothing is known of the publications up to it`,
      );
      break;
    }
    at = former.statement;
    chain.push(at);
  }
  return chain.toReversed();
}

/** What the lists of a tree tell. */
export interface TreeLists {
  /** The pool of the newest serial. */
  readonly pool: ReadonlyMap<string, PoolEntry>;
  /** What each serial brought; absent where its list is no longer kept. */
  readonly added: ReadonlyMap<number, { readonly objects: number; readonly bytes: number }>;
}

/**
 * Replays the lists: from the newest full one on, or from the first. Lists before it may have been thrown away.
 * @param chain from oldest to newest
 * @throws Fault TREE_INVALID for a list that is needed and is absent or damaged
 */
export async function readLists(source: TreeSource, chain: readonly Statement[]): Promise<TreeLists> {
  const pool = new Map<string, PoolEntry>();
  const added = new Map<number, { objects: number; bytes: number }>();
  const newest = chain.at(-1);
  const full = newest?.full ?? null;
  const base = full?.serial ?? 0;
  if (full !== null) {
    const path = fullListPath(full.serial);
    const isWhole = await eachLine(source, path, full.digest, true, (line) => applyLine(pool, base, line));
    if (!isWhole) throw unreadable(source, path);
  }
  const oldest = chain[0]?.previous?.serial ?? 0;
  if (oldest > base) throw unreadable(source, listPath(oldest));
  for (const { serial, list } of chain) {
    const count = { objects: 0, bytes: 0 };
    const isWhole = await eachLine(source, listPath(serial), list, false, (line) => {
      if (line.op === '+') {
        count.objects++;
        count.bytes += line.size;
      }
      if (serial > base) applyLine(pool, serial, line);
    });
    if (isWhole) added.set(serial, count);
    else if (serial > base) throw unreadable(source, listPath(serial));
  }
  return { pool, added };
}

/** @returns whether the list is there, and its bytes are those of its digest */
async function eachLine(
  source: TreeSource,
  path: string,
  digest: Digest,
  full: boolean,
  take: (line: ListLine) => void,
): Promise<boolean> {
  const stream = await source.open(path);
  if (stream === undefined) return false;
  const { algorithm, hex } = splitDigest(digest);
  const hash = createHash(algorithm);
  const hashed = async function* () {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      hash.update(chunk);
      yield chunk;
    }
  };
  try {
    for await (const line of readList(hashed(), path, { full })) take(line);
  } catch (error) {
    if (error instanceof Fault && error.code === 'TREE_INVALID') return false;
    throw error;
  }
  return hash.digest('hex') === hex;
}

function unreadable(source: TreeSource, path: string): Fault {
  return new Fault(
    'TREE_INVALID',
    `${path} of ${source.name} is absent or damaged, and without it nobody can tell what is in the pool: bring it from a mirror or a backup, and see \`gantry verify\``,
    { path },
  );
}
