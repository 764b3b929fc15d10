import { quote } from '@gantry/oci';
import { parsePath, readStatement } from '@gantry/tree';
import { BIT_PATHS } from './bits.ts';
import { type Collection, countOf, NOTHING, sum } from './collection.ts';
import { removeFiles } from './remove.ts';
import type { ObjectCount } from './tree-collection.ts';

const DAY_MS = 86_400_000;
/** A file that no list has may be of a publication that is on its way, or of one that was cut off and is repeated. */
const ORPHAN_MS = DAY_MS;
/** What a mirror may be behind, and still be brought up by lists. */
const LIST_MS = 90 * DAY_MS;

/** What was swept away. */
export interface Swept {
  readonly orphans: ObjectCount;
  readonly lists: number;
}

/** Removes files of the pool that no list has, and lists that are past their time. */
export async function sweepFiles(collection: Collection): Promise<Swept> {
  return { orphans: await sweepPool(collection), lists: await sweepLists(collection) };
}

interface Listed {
  readonly path: string;
  readonly size: number;
}

async function sweepPool(collection: Collection): Promise<ObjectCount> {
  const { tree, bits, signal, progress, because } = collection;
  const { source } = tree.target;
  let [looked, foreign] = [0, 0];
  let firstForeign = '';
  let orphans = NOTHING;
  const batch: Listed[] = [];
  const flush = async () => {
    const found = await orphansAmong(collection, batch.splice(0));
    if (bits !== undefined && found.length > 0) {
      await removeFiles(
        collection,
        bits,
        found.map(({ path }) => path),
      );
    }
    orphans = sum(orphans, countOf(found));
  };
  for await (const { path, size, irregular } of source.list?.('pool') ?? []) {
    signal?.throwIfAborted();
    progress('sweeping', ++looked);
    if (irregular === true || parsePath(path) === undefined) {
      if (foreign++ === 0) firstForeign = path;
    } else batch.push({ path, size });
    if (batch.length >= BIT_PATHS) await flush();
  }
  await flush();
  if (foreign > 0)
    because(
      `${foreign} ${foreign === 1 ? 'file' : 'files'} in the pool of ${source.name} are none of a tree's, such as ${quote(firstForeign)}: they stay until somebody takes them away`,
    );
  return orphans;
}

/** Those that are not in the pool, and have been there for a day. */
async function orphansAmong(
  { flow, tree, now }: Collection,
  files: readonly Listed[],
): Promise<readonly Listed[]> {
  if (files.length === 0) return [];
  const inPool = await flow.catalog.pool.getAll(
    tree.name,
    files.map(({ path }) => path),
  );
  const old: Listed[] = [];
  for (const file of files) {
    if (!inPool.has(file.path) && (await isOld(tree, file.path, ORPHAN_MS, now))) old.push(file);
  }
  return old;
}

async function isOld(
  { target }: Collection['tree'],
  path: string,
  ageMs: number,
  now: Date,
): Promise<boolean> {
  const at = await target.putAt(path);
  return at !== undefined && now.getTime() - at.getTime() > ageMs;
}

/**
 * Lists go that are 90 days old, once they are older than the full lists that are kept: whoever is behind that far begins
 * with one of these. So do full lists that no publication names any more.
 */
async function sweepLists(collection: Collection): Promise<number> {
  const { tree, bits, now } = collection;
  const { source } = tree.target;
  const current = (await readStatement(source))?.statement;
  if (current === undefined) return 0;
  const kept = await keptFullLists(collection);
  const base = Math.min(...kept, current.serial);
  const old: string[] = [];
  for await (const { path } of source.list?.('lists') ?? []) {
    const parsed = parsePath(path);
    if (parsed?.type === 'full-list') {
      const isStray = !kept.has(parsed.serial) && parsed.serial <= current.serial;
      if (isStray && (await isOld(tree, path, ORPHAN_MS, now))) old.push(path);
    } else if (parsed?.type === 'list' && kept.size > 0 && parsed.serial < base) {
      const stated = (await readStatement(source, parsed.serial))?.statement;
      const isPast =
        stated === undefined
          ? await isOld(tree, path, LIST_MS, now)
          : now.getTime() - Date.parse(stated.published) > LIST_MS;
      if (isPast) old.push(path);
    }
  }
  if (bits !== undefined && old.length > 0) await removeFiles(collection, bits, old);
  return old.length;
}

/** The serials of the newest two full lists, as the statements name them. */
async function keptFullLists({ tree }: Collection): Promise<ReadonlySet<number>> {
  const { source } = tree.target;
  const kept = new Set<number>();
  let at = (await readStatement(source))?.statement;
  while (at?.full != null && kept.size < 2) {
    kept.add(at.full.serial);
    const made = (await readStatement(source, at.full.serial))?.statement;
    at = made?.previous == null ? undefined : (await readStatement(source, made.previous.serial))?.statement;
  }
  return kept;
}
