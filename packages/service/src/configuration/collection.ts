import { z } from 'zod';
import { BYTES, BYTES_EXPECTED, formatBytes, parseBytes } from './byte-rate.ts';
import { formatDuration, parseDuration } from './duration.ts';
import type { Configuration } from './configuration.ts';
import type { Problem } from './problems.ts';
import { Duration, Interval } from './texts.ts';

const DEFAULT_RATE = '20MB';

/** How often the store is collected and looked through, and how long it waits. */
export const Gc = z.strictObject({
  every: Interval.prefault('1d').describe('How often what nothing needs is looked for, in store and trees'),
  grace: Duration.prefault('1d').describe(
    'How long what nothing needs lies in the store still: longer than the clocks differ; trees have their own',
  ),
  scrub: z
    .strictObject({
      rate: z
        .string()
        .regex(BYTES, { error: BYTES_EXPECTED })
        .transform(parseBytes)
        .prefault(DEFAULT_RATE)
        .describe('Bytes a second that are read'),
      every: Duration.refine((ms) => ms > 0, { error: 'is no time at all: write 1d or more' })
        .prefault('30d')
        .describe('How often all is read'),
    })
    .optional()
    .describe('Reads the whole store again and again to find damage; absent: only when it is asked for'),
});

/** Which candidates of a source are kept. */
export const Keep = z
  .strictObject({
    latest: z
      .int({ error: 'is not a whole number' })
      .min(1, { error: 'is below 1' })
      .optional()
      .describe('So many of the newest of each repository'),
    days: z
      .int({ error: 'is not a whole number' })
      .min(1, { error: 'is below 1' })
      .max(36_500, { error: 'is above 36500' })
      .optional()
      .describe('All that were synced within so many days'),
  })
  .refine(({ latest, days }) => latest !== undefined || days !== undefined, {
    error: 'is empty, so no candidate would be kept: it needs latest, days or both',
  });

/** Collections and scrubs, as they are in force. */
export interface GcConfiguration {
  readonly everyMs: number;
  readonly graceMs: number;
  /** Absent: only when it is asked for. */
  readonly scrub?: { readonly bytesPerSecond: number; readonly everyMs: number };
}

/** A candidate is kept that either of them keeps. */
export interface KeepConfiguration {
  readonly latest?: number;
  readonly forMs?: number;
}

/** At which a scrub reads that is asked for where none is configured. */
export const SCRUB_BYTES_PER_SECOND = parseBytes(DEFAULT_RATE);

export function completeGc({ every, grace, scrub }: z.output<typeof Gc>): GcConfiguration {
  return {
    everyMs: every,
    graceMs: grace,
    ...(scrub !== undefined && { scrub: { bytesPerSecond: scrub.rate, everyMs: scrub.every } }),
  };
}

export function completeKeep({ latest, days }: z.output<typeof Keep>): KeepConfiguration {
  return {
    ...(latest !== undefined && { latest }),
    ...(days !== undefined && { forMs: days * parseDuration('1d') }),
  };
}

/** A grace below this is for trials: clocks differ, and processes are stopped for a while. */
const SHORT_GRACE_MS = parseDuration('1h');

/** What is deleted too soon for whoever is slow. */
export function shortGraces({
  gc,
  tree,
  trees,
}: Pick<Configuration, 'gc' | 'tree' | 'trees'>): readonly Problem[] {
  return [
    ...shortGrace(['gc'], gc.graceMs, OF_STORE),
    ...shortGrace(['tree'], tree.retention.graceMs, OF_TREE),
    ...Object.entries(trees).flatMap(([name, one]) =>
      shortGrace(['trees', name], one.retention.graceMs, OF_TREE),
    ),
  ];
}

const OF_STORE =
  'a sync that is stopped for longer, or on a machine whose clock differs by more, may lose what it relies on';
const OF_TREE = 'a mirror or a pull that takes longer may miss what it still needs';

function shortGrace(at: readonly string[], graceMs: number, why: string): Problem[] {
  if (graceMs >= SHORT_GRACE_MS) return [];
  const message = `is short: ${why}; write 1h or more`;
  return [{ path: [...at, 'grace'], value: formatDuration(graceMs), message }];
}

/** As it is written in the file. */
export function showGc({ everyMs, graceMs, scrub }: GcConfiguration): Record<string, unknown> {
  return {
    every: formatDuration(everyMs),
    grace: formatDuration(graceMs),
    ...(scrub !== undefined && {
      scrub: { rate: formatBytes(scrub.bytesPerSecond), every: formatDuration(scrub.everyMs) },
    }),
  };
}

/** As it is written in the file. */
export function showKeep({ latest, forMs }: KeepConfiguration): Record<string, unknown> {
  return {
    ...(latest !== undefined && { latest }),
    ...(forMs !== undefined && { days: forMs / parseDuration('1d') }),
  };
}
