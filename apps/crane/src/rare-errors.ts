import type { CraneLogger } from './options.ts';

const INTERVAL_MS = 1000;

/** Logs an error at most once a second, with how many were left out: clients can cause any number of them. */
export type RareErrors = (fields: object, message: string) => void;

export function rareErrors(logger: CraneLogger, now: () => number = Date.now): RareErrors {
  let silentUntil = 0;
  let suppressed = 0;
  return (fields, message) => {
    if (now() < silentUntil) {
      suppressed++;
      return;
    }
    logger.error(suppressed === 0 ? fields : { ...fields, suppressed }, message);
    silentUntil = now() + INTERVAL_MS;
    suppressed = 0;
  };
}
