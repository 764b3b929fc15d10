import { createHash } from 'node:crypto';
import type { PoolObject } from '@gantry/catalog';
import { type Digest, digestOf, splitDigest } from '@gantry/oci';
import {
  decodeStatement,
  formatList,
  fullListPath,
  listPath,
  MAX_STATEMENT_BYTES,
  serialPath,
  type Statement,
} from '@gantry/tree';
import type { TreeChange } from './compose-change.ts';
import type { PublishContext } from './published-tree.ts';

const FULL_LIST_EVERY_MS = 86_400_000;

/** What comes into the pool with a serial. */
export async function newPoolObjects(
  { flow }: Pick<PublishContext, 'flow'>,
  { newContents, newDocuments }: Pick<TreeChange, 'newContents' | 'newDocuments'>,
  serial: number,
): Promise<PoolObject[]> {
  const added: PoolObject[] = [];
  for (const { path, digest, size } of newContents) {
    added.push({ path, size, sha256: await sha256Of(flow.store, digest), since: serial });
  }
  for (const { path, digest, bytes } of newDocuments) {
    added.push({ path, size: bytes.length, sha256: splitDigest(digest).hex, since: serial });
  }
  return added;
}

/** The list of a serial, written. @returns the digest of its bytes; undefined when the serial has another list */
export async function writeList(
  { tree }: PublishContext,
  serial: number,
  added: readonly PoolObject[],
  removed: readonly string[],
): Promise<Digest | undefined> {
  const bytes = formatList([...removed.map((path) => ({ op: '-', path }) as const), ...added.map(toLine)]);
  return (await tree.target.putList(listPath(serial), bytes)) ? digestOf(bytes) : undefined;
}

/**
 * The newest full list as the next statement names it: made anew once a day, else that of the current statement.
 * @param former the tree's current statement
 * @returns undefined when the serial has another full list
 */
export async function writeFullListIfDue(
  { flow, tree }: PublishContext,
  serial: number,
  { added, removed }: { readonly added: readonly PoolObject[]; readonly removed: readonly string[] },
  former: Statement | undefined,
): Promise<Statement['full'] | undefined> {
  const full = former?.full ?? null;
  if (full !== null) {
    const statement = await tree.target.source.read(serialPath(full.serial), MAX_STATEMENT_BYTES);
    const madeAt =
      statement === undefined ? 0 : Date.parse(decodeStatement(statement, serialPath(full.serial)).published);
    if (flow.now().getTime() - madeAt < FULL_LIST_EVERY_MS) return full;
  }
  const lines = added.map(toLine);
  const gone = new Set(removed);
  for await (const object of flow.catalog.pool.list(tree.name))
    if (!gone.has(object.path)) lines.push(toLine(object));
  const bytes = formatList(lines);
  if (!(await tree.target.putList(fullListPath(serial), bytes))) return undefined;
  return { serial, digest: digestOf(bytes) };
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

/** Lists name every object by its SHA-256. One with another digest is read for it, once in its life. */
async function sha256Of(store: PublishContext['flow']['store'], digest: Digest): Promise<string> {
  const { algorithm, hex } = splitDigest(digest);
  if (algorithm === 'sha256') return hex;
  const hash = createHash('sha256');
  for await (const chunk of (await store.open(digest)) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
