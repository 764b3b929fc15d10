import { createHash } from 'node:crypto';
import type { PoolObject } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import {
  decodeStatement,
  formatSorted,
  fullListPath,
  type ListLine,
  listPath,
  MAX_STATEMENT_BYTES,
  serialPath,
  type Statement,
} from '@gantry/tree';
import type { NewObjects } from './new-objects.ts';
import type { PublishContext } from './published-tree.ts';
import type { TreeTarget } from './tree-target.ts';

const FULL_LIST_EVERY_MS = 86_400_000;

/** The list of a serial, written. @returns the digest of its bytes; undefined when the serial has another list */
export async function writeList(
  { tree }: PublishContext,
  serial: number,
  added: NewObjects,
  removed: readonly string[],
): Promise<Digest | undefined> {
  return putLines(tree.target, listPath(serial), linesOf(added, removed));
}

/** The lines of a list, sorted by path. */
function* linesOf(added: Iterable<PoolObject>, removed: readonly string[]): Generator<ListLine> {
  const gone = removed.toSorted().values();
  let next = gone.next();
  for (const object of added) {
    for (; !next.done && next.value <= object.path; next = gone.next()) yield { op: '-', path: next.value };
    yield toLine(object);
  }
  for (; !next.done; next = gone.next()) yield { op: '-', path: next.value };
}

/**
 * The newest full list as the next statement names it: made anew once a day, else that of the current statement.
 * @param former the tree's current statement
 * @returns undefined when the serial has another full list
 */
export async function writeFullListIfDue(
  { flow, tree }: PublishContext,
  serial: number,
  { added, removed }: { readonly added: NewObjects; readonly removed: readonly string[] },
  former: Statement | undefined,
): Promise<Statement['full'] | undefined> {
  const full = former?.full ?? null;
  if (full !== null) {
    const statement = await tree.target.source.read(serialPath(full.serial), MAX_STATEMENT_BYTES);
    const madeAt =
      statement === undefined ? 0 : Date.parse(decodeStatement(statement, serialPath(full.serial)).published);
    if (flow.now().getTime() - madeAt < FULL_LIST_EVERY_MS) return full;
  }
  const lines = wholePool(flow.catalog.pool.list(tree.name), added, new Set(removed));
  const digest = await putLines(tree.target, fullListPath(serial), lines);
  return digest === undefined ? undefined : { serial, digest };
}

/** The lines of the pool as it will be, sorted by path. */
async function* wholePool(
  standing: AsyncIterable<PoolObject>,
  added: Iterable<PoolObject>,
  removed: ReadonlySet<string>,
): AsyncGenerator<ListLine> {
  const fresh = added[Symbol.iterator]();
  let next = fresh.next();
  for await (const object of standing) {
    for (; !next.done && next.value.path < object.path; next = fresh.next()) yield toLine(next.value);
    if (!removed.has(object.path)) yield toLine(object);
  }
  for (; !next.done; next = fresh.next()) yield toLine(next.value);
}

/** Puts lines that come sorted. @returns the digest of the list; undefined when there is another one */
async function putLines(
  target: TreeTarget,
  path: string,
  lines: Iterable<ListLine> | AsyncIterable<ListLine>,
): Promise<Digest | undefined> {
  const hash = createHash('sha256');
  async function* hashed() {
    for await (const piece of formatSorted(lines)) {
      hash.update(piece);
      yield piece;
    }
  }
  return (await target.putList(path, hashed())) ? `sha256:${hash.digest('hex')}` : undefined;
}

/** Of the full lists, the newest two are kept: takes away the one before `former`'s, once `current` names a new one. */
export async function removeOldFullList(
  { tree }: PublishContext,
  current: Statement,
  former: Statement | undefined,
): Promise<void> {
  const second = former?.full ?? null;
  if (second === null || current.full?.serial === second.serial) return;
  const made = await tree.target.source.read(serialPath(second.serial), MAX_STATEMENT_BYTES);
  const previous = made === undefined ? null : decodeStatement(made, serialPath(second.serial)).previous;
  if (previous === null) return;
  const before = await tree.target.source.read(serialPath(previous.serial), MAX_STATEMENT_BYTES);
  const third = before === undefined ? null : decodeStatement(before, serialPath(previous.serial)).full;
  if (third !== null) await tree.target.removeFullList(third.serial);
}

function toLine({ path, size, sha256 }: PoolObject) {
  return { op: '+', path, size, sha256 } as const;
}
