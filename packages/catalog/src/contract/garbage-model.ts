import type { CondemnedBlob, Timestamp } from '../index.ts';

/** What a blob is noted as. */
export type Noted = Pick<CondemnedBlob, 'at' | 'state'>;

/** What was called of one blob, and what was answered of it. */
export type Called =
  | { readonly what: 'condemn'; readonly at: Timestamp }
  | { readonly what: 'spare'; readonly isGoing: boolean }
  | { readonly what: 'claim'; readonly before: Timestamp; readonly isGoing: boolean }
  | { readonly what: 'forget' };

/** A step of a call: what it makes of a blob; `impossible` when what was answered can not be seen there. */
type Step = (noted: Noted | undefined) => Noted | 'impossible' | undefined;

/**
 * Whether calls made at once can have been made one after the other in some order, so that each was answered as it was,
 * and the blob came to be as it is. A call that answers may look after it has written: others may come in between.
 */
export function explains(
  before: Noted | undefined,
  calls: readonly Called[],
  after: Noted | undefined,
): boolean {
  return goes(before, calls.map(stepsOf), after);
}

function goes(now: Noted | undefined, left: readonly (readonly Step[])[], after: Noted | undefined): boolean {
  if (left.every((steps) => steps.length === 0)) return now?.at === after?.at && now?.state === after?.state;
  return left.some(([step, ...rest], at) => {
    if (step === undefined) return false;
    const next = step(now);
    return next !== 'impossible' && goes(next, left.with(at, rest), after);
  });
}

function stepsOf(call: Called): Step[] {
  switch (call.what) {
    case 'condemn':
      return [(noted) => noted ?? { at: call.at, state: 'condemned' }];
    case 'forget':
      return [(noted) => (noted?.state === 'going' ? undefined : noted)];
    case 'spare':
      return [(noted) => (noted?.state === 'condemned' ? undefined : noted), looks(call.isGoing)];
    default:
      return [
        (noted) => (noted !== undefined && noted.at <= call.before ? { ...noted, state: 'going' } : noted),
        looks(call.isGoing),
      ];
  }
}

function looks(isGoing: boolean): Step {
  return (noted) => ((noted?.state === 'going') === isGoing ? noted : 'impossible');
}
