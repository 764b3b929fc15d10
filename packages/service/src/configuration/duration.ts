import { Fault, quote } from '@gantry/oci';

const UNITS_MS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
type Unit = keyof typeof UNITS_MS;

/** Whole numbers with their units, the larger unit first, each unit once: `10s`, `7d`, `1h30m`. */
export const DURATION =
  /^(?=\d)(?:\d{1,9}w)?(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m(?!s))?(?:\d{1,9}s)?(?:\d{1,9}ms)?$/;

/** What a duration must look like, for messages: follows the value that is none. */
export const DURATION_EXPECTED = 'is not a duration: write 500ms, 10s, 5m, 1h30m, 7d or the like';

/** Node's timers hold no more: a longer delay would fire at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Milliseconds of a duration such as `10s`, `7d` or `1h30m`. @throws Fault CONFIGURATION_INVALID */
export function parseDuration(text: string): number {
  if (!DURATION.test(text)) throw new Fault('CONFIGURATION_INVALID', `${quote(text)} ${DURATION_EXPECTED}`);
  let totalMs = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([a-z]+)/g)) {
    totalMs += Number(count) * UNITS_MS[unit as Unit];
  }
  return totalMs;
}

/** The shortest duration that `parseDuration` reads as `ms` milliseconds: whole, not negative. */
export function formatDuration(ms: number): string {
  let left = ms;
  let text = '';
  for (const [unit, unitMs] of Object.entries(UNITS_MS)) {
    if (unit === 'w') continue; // 30d is read more easily than 4w2d
    const count = Math.floor(left / unitMs);
    if (count > 0) text += `${count}${unit}`;
    left -= count * unitMs;
  }
  return text === '' ? '0s' : text;
}
