const FIRST_MS = 60_000;
const LONGEST_MS = 3_600_000;

/**
 * How long to leave alone what has failed so many times in a row: up to a minute at first, up to twice as much each time,
 * up to an hour at the most. The whole of it is left to chance, so that what failed together is not tried together.
 * @param random from 0 to 1
 */
export function backoffMs(attempts: number, random: number): number {
  return Math.round(random * Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempts - 1)));
}
