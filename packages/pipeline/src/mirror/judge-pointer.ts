import { saysTheSame, type StatedSerial } from '@gantry/tree';

/** What a pointer that a mirror serves is compared with. */
export interface Master {
  /** The tree's own pointer. */
  readonly current: StatedSerial;
  /** The tree's own statement of the serial that the mirror serves; undefined: it has none. */
  readonly same: StatedSerial | undefined;
  /** The highest serial that was confirmed of the mirror. */
  readonly confirmed?: number;
}

/** What is wrong with the serial that a mirror serves, as a sentence's end; undefined: nothing. */
export function judgePointer(
  { statement, digest }: StatedSerial,
  { current, same, confirmed }: Master,
  now: Date,
): string | undefined {
  const { serial, tree, expires } = statement;
  const own = current.statement;
  if (tree !== own.tree) return `it carries another tree: ${tree}, not ${own.tree}`;
  if (serial > own.serial) return `it is a fork: its serial ${serial} is above ${own.serial}, the tree's own`;
  if (same === undefined) return `it is a fork: the tree has no serial ${serial}`;
  if (same.digest !== digest && !saysTheSame(same.statement, statement))
    return `it is a fork: its serial ${serial} is not that of the tree`;
  if (confirmed !== undefined && serial < confirmed)
    return `it has gone back from serial ${confirmed} to ${serial}`;
  // The publisher may be late for all; one that is behind and expired has stood still for days.
  if (serial < own.serial && Date.parse(expires) <= now.getTime())
    return `its serial ${serial} expired at ${expires}`;
  return undefined;
}
