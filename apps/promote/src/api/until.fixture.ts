import { setImmediate as turn } from 'node:timers/promises';

/** Waits until something holds, which it is to within the time of a test. */
export async function until(_what: string, holds: () => boolean): Promise<void> {
  while (!holds()) await turn();
}
