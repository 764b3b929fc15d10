import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, Call } from './route.ts';

/** A record that changes until it has ended. */
export interface LivingRecord {
  readonly revision: number;
  /** Of what is shown with it and is no part of it. */
  readonly addition?: string;
}

const WAIT_MAX_SECONDS = 60;
const FIRST_LOOK_MS = 20;
const LATER_LOOK_MS = 400;

/** What documentation says of the header by which a caller waits. */
export const WAIT_HEADERS = {
  Prefer: `\`wait=N\`: answer when it has ended, or after N seconds (${WAIT_MAX_SECONDS} at the most)`,
} as const;

/** What documentation says of the headers that `answerRecord` takes. */
export const RECORD_HEADERS = {
  'If-None-Match': 'The ETag of a former answer: 304 if nothing has changed since',
  ...WAIT_HEADERS,
} as const;

/**
 * Answers with a record as it stands, or, when the caller prefers to wait, as it stands at its end. Its ETag is made of
 * its revision, and of what is added to it (RFC 9110, section 8.8.3; RFC 7240 for Prefer).
 * @param read throws when there is no such record
 */
export async function answerRecord<T extends LivingRecord>(
  call: Call,
  read: () => Promise<T>,
  isEnded: (record: T) => boolean,
  present: (record: T) => unknown,
): Promise<Answer> {
  const { record, applied } = await readAsPreferred(call, read, isEnded);
  const { revision, addition } = record;
  const etag = addition === undefined ? `"${revision}"` : `"${revision}-${addition}"`;
  const headers = { ETag: etag, ...applied };
  if (matches(call.header('if-none-match'), etag)) return { status: 304, headers };
  return { status: 200, headers, json: present(record) };
}

/** Reads a record, as it stands, or as it has ended when the caller prefers to wait. @returns the headers that say so, too */
export async function readAsPreferred<T>(
  call: Call,
  read: () => Promise<T>,
  isEnded: (record: T) => boolean,
): Promise<{ readonly record: T; readonly applied: Readonly<Record<string, string>> }> {
  const seconds = waitPreferred(call.header('prefer'));
  if (seconds === undefined) return { record: await read(), applied: {} };
  return {
    record: await readEnded(call, read, isEnded, seconds * 1000),
    applied: { 'Preference-Applied': `wait=${seconds}` },
  };
}

/** Looks at the record until it has ended, the time is up, the caller has gone or the service stops. */
async function readEnded<T>(
  call: Call,
  read: () => Promise<T>,
  isEnded: (record: T) => boolean,
  waitMs: number,
): Promise<T> {
  const until = performance.now() + waitMs;
  const { stop } = call.api;
  const signal = stop === undefined ? call.gone() : AbortSignal.any([call.gone(), stop]);
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(LATER_LOOK_MS, lookMs * 2)) {
    const record = await read();
    const leftMs = until - performance.now();
    if (isEnded(record) || leftMs <= 0 || signal.aborted) return record;
    // Aborted: the loop looks once more, and ends.
    await pause(Math.min(lookMs, leftMs), undefined, { signal }).catch(() => undefined);
  }
}

/** Seconds, of `Prefer: respond-async, wait=10`. What can't be understood is no preference (RFC 7240, section 2). */
export function waitPreferred(header: string | undefined): number | undefined {
  for (const preference of (header ?? '').split(',')) {
    const [, seconds] = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:;.*)?$/i.exec(preference) ?? [];
    if (seconds !== undefined) return Math.min(WAIT_MAX_SECONDS, Number(seconds));
  }
  return undefined;
}

/** If-None-Match compares weakly (RFC 9110, section 13.1.2). */
export function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((one) => {
    const tag = one.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });
}
