import type { Digest } from '@gantry/oci';
import { readStatement, type StatedSerial, type TreeSource } from '@gantry/tree';

/** How many serials below the highest one are looked at, where that one has no part in the tree. */
const LOOKED_AT = 100;

/** What was claimed above a tree's pointer. */
export interface ClaimedSerials {
  /** The newest statement that goes on from what the pointer shows; undefined if none does. */
  readonly newest: StatedSerial | undefined;
  /** Serials above it that do not: they are of another history or another tree, and never become the current one. */
  readonly passedOver: readonly number[];
}

/**
 * Looks for the newest statement that may follow what the pointer shows. Whoever claimed it has died, or it was there
 * before the pointer was put back.
 * @param highestSerial the highest one that was claimed
 * @param shown what the pointer shows; undefined when there is none: then any statement may be the first
 * @throws Fault TREE_INVALID for a statement that is damaged; UNAVAILABLE
 */
export async function newestClaimed(
  source: TreeSource,
  highestSerial: number,
  shown: StatedSerial | undefined,
): Promise<ClaimedSerials> {
  const passedOver: number[] = [];
  const lowest = Math.max(shown?.statement.serial ?? 0, highestSerial - LOOKED_AT) + 1;
  for (let serial = highestSerial; serial >= lowest; serial--) {
    const claimed = await readStatement(source, serial);
    if (claimed === undefined) continue; // a gap
    if (shown === undefined || (await goesOnFrom(source, claimed, shown)))
      return { newest: claimed, passedOver };
    passedOver.push(serial);
  }
  return { newest: undefined, passedOver };
}

/**
 * Whether a statement's chain of `previous` leads to what is shown; or to what that one follows itself, as of two
 * publishers that began there, one of which was stopped, the later one is right: it was given the lease.
 */
async function goesOnFrom(source: TreeSource, claimed: StatedSerial, shown: StatedSerial): Promise<boolean> {
  if (claimed.statement.tree !== shown.statement.tree) return false;
  const here = { serial: shown.statement.serial, digest: shown.digest };
  const before = shown.statement.previous;
  let { previous } = claimed.statement;
  while (!isSame(previous, here) && !isSame(previous, before)) {
    if (previous === null || previous.serial <= (before?.serial ?? 0)) return false;
    const next = await readStatement(source, previous.serial);
    if (next?.digest !== previous.digest) return false;
    ({ previous } = next.statement);
  }
  return true;
}

type Link = { readonly serial: number; readonly digest: Digest } | null;

function isSame(one: Link, other: Link): boolean {
  return one?.serial === other?.serial && one?.digest === other?.digest;
}
