import type { Source } from './options.ts';
import { readRetryAfter } from './retry.ts';
import { type Answer, header } from './wire.ts';

/** Whether an answer of this status may be another one at the next attempt. */
export function isPassing(status: number): boolean {
  return [408, 429, 500, 502, 503, 504].includes(status);
}

/** What an answer's Retry-After asks for, in milliseconds from now. */
export function retryAfterOf(source: Source, answer: Answer): number | undefined {
  return readRetryAfter(header(answer, 'retry-after'), header(answer, 'date'), source.clock.now());
}
