import type { Confirmation, Publication } from '@gantry/catalog';
import type { Problem } from '@gantry/oci';

/** How a mirror was found, and what is noted of it. */
export interface Found {
  readonly tree: string;
  readonly mirror: string;
  /** Serials that are not confirmed of it, newest first. */
  readonly waiting: readonly Pick<Publication, 'serial' | 'publishedAt'>[];
  /** What is noted of those. */
  readonly noted: ReadonlyMap<number, Confirmation['state']>;
  /** What it serves; absent: nothing that could be read. */
  readonly served?: number;
  /** What was wrong; absent: what was pulled through it was right. */
  readonly problem?: Problem;
  /** Objects that were pulled. */
  readonly sampled: number;
}

/** What is to be written down of a mirror, and what others are told of. */
export interface Decided {
  readonly confirmations: readonly Confirmation[];
  /** Some of those. */
  readonly told: ReadonlySet<Confirmation>;
}

/**
 * Decides which serials a mirror has, and which it is late with. A serial stands for all before it: of those that are
 * confirmed the newest is told of, and of those that are late the first, until the mirror has caught up.
 */
export function decideConfirmations(found: Found, lateAfterMs: number, now: Date): Decided {
  const { tree, mirror, waiting, noted, served, problem, sampled } = found;
  const note = (state: Confirmation['state'], serials: Found['waiting']): Confirmation[] =>
    serials.map(({ serial }) => ({
      tree,
      serial,
      mirror,
      state,
      ...(served === undefined ? {} : { served }),
      sampled,
      ...(problem === undefined ? {} : { problem }),
      at: now.toISOString(),
    }));
  const has = (serial: number) => problem === undefined && served !== undefined && serial <= served;
  const lacking = waiting.filter(({ serial }) => !has(serial));
  const isOverdue = ({ publishedAt }: Found['waiting'][number]) =>
    now.getTime() - Date.parse(publishedAt) > lateAfterMs;

  const confirmed = note(
    'confirmed',
    waiting.filter(({ serial }) => has(serial)),
  );
  const late = note(
    'late',
    lacking.filter((one) => isOverdue(one) && noted.get(one.serial) !== 'late'),
  );
  const failed = note(
    'failed',
    lacking.filter((one) => one.serial === served && !isOverdue(one) && !noted.has(one.serial)),
  );
  const isKnownLate = lacking.some(({ serial }) => noted.get(serial) === 'late');
  const told = [confirmed[0], isKnownLate ? undefined : late.at(-1)];
  return {
    confirmations: [...confirmed, ...late, ...failed],
    told: new Set(told.filter((one) => one !== undefined)),
  };
}
