import { Fault, quote } from '@gantry/oci';
import { DURATION, parseDuration } from '@gantry/service';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;
const MOMENT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/**
 * A time of a command line: so long from now (`7d`), a day (`2026-12-31`, in UTC), or RFC 3339.
 * @param direction whether a duration leads on or back, and whether a day is the last one or the first
 * @returns as the API takes it
 * @throws Fault REQUEST_INVALID
 */
export function readMoment(
  text: string,
  option: string,
  direction: 'on' | 'back',
  now: Date = new Date(),
): string {
  if (DURATION.test(text)) {
    const ms = parseDuration(text);
    const date = new Date(now.getTime() + (direction === 'on' ? ms : -ms));
    if (!Number.isNaN(date.getTime())) return date.toISOString();
  } else if (MOMENT.test(text)) {
    const isLastDay = direction === 'on' && DAY.test(text);
    const date = new Date(Date.parse(text) + (isLastDay ? DAY_MS : 0));
    if (!Number.isNaN(date.getTime())) return date.toISOString();
  }
  throw new Fault(
    'REQUEST_INVALID',
    `${option}: ${quote(text)} is no time: write 7d, 12h, 2026-12-31 or 2026-12-31T12:00:00Z`,
  );
}
