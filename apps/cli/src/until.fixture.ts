import { setTimeout as pause } from 'node:timers/promises';

const WITHIN_MS = 45_000;

/** Waits until something holds. What never does ends with an error, and does not go on behind a test that has failed. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + WITHIN_MS;
  while (!(await holds())) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${WITHIN_MS} ms in vain for ${what}`);
    await pause(2);
  }
}
