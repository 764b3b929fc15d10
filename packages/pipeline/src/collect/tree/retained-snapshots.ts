import { parsePath, readStatement, type Statement, type TreeSource } from '@gantry/tree';
import type { Retention } from '../../publish/published-tree.ts';

/** What decides whether a snapshot is retained. */
export type Snapshot = Pick<Statement, 'serial' | 'published'>;

/**
 * Whether a snapshot stays whole: the current one, those among the newest, and those that are young.
 * @param newer how many serials of the chain are newer
 */
export function isRetained(
  { published }: Pick<Snapshot, 'published'>,
  newer: number,
  { keepSnapshots, keepSnapshotsForMs }: Retention,
  now: Date,
): boolean {
  return newer === 0 || newer < keepSnapshots || now.getTime() - Date.parse(published) < keepSnapshotsForMs;
}

/**
 * The statements of the retained snapshots, the newest first: from the current one along the chain of `previous` down to
 * the first that is not. A serial that none of them names has no part in the tree. Where a statement is missing, it goes on
 * from the next older one that is there: the loss of one file is not to give up all snapshots before it.
 * @param current absent: what the pointer shows
 * @throws Fault TREE_INVALID for a statement that is damaged; UNAVAILABLE
 */
export async function retainedSnapshots(
  source: TreeSource,
  retention: Retention,
  now: Date,
  current?: Statement,
): Promise<Statement[]> {
  const retained: Statement[] = [];
  let next = current ?? (await readStatement(source))?.statement;
  while (next !== undefined && isRetained(next, retained.length, retention, now)) {
    retained.push(next);
    if (next.previous === null) break;
    const { serial, digest } = next.previous;
    const former = await readStatement(source, serial);
    if (former === undefined) next = await newestBelow(source, serial);
    else next = former.digest === digest ? former.statement : undefined;
  }
  return retained;
}

/** The newest statement below a serial; undefined when there is none. */
async function newestBelow(source: TreeSource, serial: number): Promise<Statement | undefined> {
  let newest = 0;
  for await (const { path } of source.list?.('serial') ?? []) {
    const parsed = parsePath(path);
    if (parsed?.type === 'serial' && parsed.serial < serial) newest = Math.max(newest, parsed.serial);
  }
  return newest === 0 ? undefined : (await readStatement(source, newest))?.statement;
}
