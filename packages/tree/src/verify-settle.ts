import { digestOf, Fault } from '@gantry/oci';
import type { ListLine } from './documents.ts';
import { parseList } from './lists.ts';
import { readStatement } from './open-tree.ts';
import { listPath, parsePath, POINTER_PATH } from './paths.ts';
import type { StatedSerial } from './statement.ts';
import type { TreeSource } from './tree-source.ts';
import { hasLeft, type Verification, type VerifiedSerial } from './verification.ts';

/** The largest list that is read at once. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

export interface Settlement {
  /** The pointer as it was read first, and as it is by now. */
  readonly start: StatedSerial;
  readonly newest: StatedSerial;
  /** Whether there is no other attempt. */
  readonly isLast: boolean;
}

/**
 * Says of files that were not found, or not expected, what that means. A tree that is published to meanwhile has gone on:
 * what its newer serials took away is rightly gone, and what they brought is no stranger.
 * @returns `again` when something vanished that the serial needs which was looked at: another attempt is to look at a newer one
 * @throws Fault UNAVAILABLE when that is so, and there is no other attempt
 */
export async function settle(
  verification: Verification,
  about: VerifiedSerial,
  { start, newest, isLast }: Settlement,
): Promise<'settled' | 'again'> {
  const { source, log, absent, extra, files } = verification;
  if (newest.statement.serial > start.statement.serial && absent.size + extra.size > 0) {
    const changes = await changesBetween(source, start, newest);
    for (const path of absent.keys()) {
      const isOfPool = path.startsWith('pool/');
      if (isOfPool && changes !== undefined && changes.get(path)?.op !== '-') continue;
      const isTakenAway = isOfPool && changes !== undefined;
      if (isTakenAway && files.get(path)?.reached === false) absent.delete(path);
      else if (!isLast) return 'again';
      else if (isTakenAway) throw movedOn(source, path, start, newest);
    }
    for (const path of extra.keys()) {
      const parsed = parsePath(path);
      const isNewer = parsed !== undefined && 'serial' in parsed && parsed.serial <= newest.statement.serial;
      if (isNewer || changes?.get(path)?.op === '+') extra.delete(path);
    }
  }
  for (const [path, message] of absent) {
    if (!hasLeft(files.get(path), about)) log.add('missing', message, { path });
  }
  for (const [path, message] of extra) log.add('extra', message, { path, severity: 'warning' });
  if (about.isCurrent) tellMixture(verification, about);
  return 'settled';
}

/** What the lists after `start` did to each path last; undefined when they can not be had. */
async function changesBetween(
  source: TreeSource,
  start: StatedSerial,
  newest: StatedSerial,
): Promise<ReadonlyMap<string, ListLine> | undefined> {
  const changes = new Map<string, ListLine>();
  let at = newest;
  try {
    while (at.statement.serial > start.statement.serial) {
      const { serial, list, previous } = at.statement;
      const bytes = await source.read(listPath(serial), MAX_LIST_BYTES);
      if (bytes === undefined || digestOf(bytes) !== list || previous === null) return undefined;
      for (const line of parseList(bytes, listPath(serial))) {
        if (!changes.has(line.path)) changes.set(line.path, line);
      }
      const former = await readStatement(source, previous.serial);
      if (former?.digest !== previous.digest) return undefined;
      at = former;
    }
  } catch (error) {
    if (error instanceof Fault && error.code === 'TREE_INVALID') return undefined;
    throw error;
  }
  return changes;
}

function movedOn(source: TreeSource, path: string, start: StatedSerial, newest: StatedSerial): Fault {
  const [from, to] = [start.statement.serial, newest.statement.serial];
  return new Fault(
    'UNAVAILABLE',
    `${source.name} moved on from serial ${from} to ${to} while it was looked at, and took away what ${from} needs, ${path} for one: try again`,
    { tree: source.name, serial: to },
  );
}

/** Names what looks like a pointer that was copied before its content, or without it. */
function tellMixture({ log, absent, files }: Verification, { serial, pool }: VerifiedSerial): void {
  if (pool === undefined) return;
  const since = [...absent.keys()].map((path) => files.get(path)?.since ?? 0).filter((from) => from > 0);
  const first = since.reduce((least, from) => Math.min(least, from), Infinity);
  if (since.length < 2 || first <= pool.base) return;
  let added = 0;
  for (const file of files.values()) if (file.since >= first) added++;
  if (since.length * 2 < added) return;
  const message = `the pointer says serial ${serial}, and the files are those before serial ${first}: of ${added} that came with it and since, ${since.length} are absent`;
  log.add('mixed', message, { path: POINTER_PATH });
}
