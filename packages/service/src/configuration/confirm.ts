import { z } from 'zod';
import { formatDuration } from './duration.ts';
import { Duration, Interval } from './texts.ts';

/** How the mirrors of the main tree are followed after a publication. */
export const Confirm = z
  .strictObject({
    every: Interval.prefault('30s').describe(
      'Each of crane.mirrors is looked at at least this often, and oftener right after a publication',
    ),
    lateAfter: Duration.prefault('1h').describe('One that has not served a serial for so long is late'),
    sample: z
      .int({ error: 'is not a whole number' })
      .min(0, { error: 'is below 0' })
      .max(100, { error: 'is above 100' })
      .default(5)
      .describe('So many of the new tags of a serial are pulled through it by digest'),
  })
  .prefault({});

export interface ConfirmConfiguration {
  readonly everyMs: number;
  readonly lateAfterMs: number;
  readonly sample: number;
}

export function completeConfirm({
  every,
  lateAfter,
  sample,
}: z.output<typeof Confirm>): ConfirmConfiguration {
  return { everyMs: every, lateAfterMs: lateAfter, sample };
}

/** As it is written in the file. */
export function showConfirm(confirm: ConfirmConfiguration | undefined): Record<string, unknown> {
  if (confirm === undefined) return {};
  const { everyMs, lateAfterMs, sample } = confirm;
  return {
    confirm: { every: formatDuration(everyMs), lateAfter: formatDuration(lateAfterMs), sample },
  };
}
