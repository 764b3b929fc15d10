import { asFault, FAULTS, type FaultCode, type Problem, problemType } from '@gantry/oci';
import type { PlanAnswer, PromotionAnswer, TaskAnswer } from './answers.ts';

/** What a command ends with. A fault ends with the code that the table of faults has for it. */
export const EXIT = {
  done: 0,
  failed: 1,
  wrongUsage: 2,
  refused: 3,
  defect: 70,
  tryAgain: 75,
  interrupted: 130,
} as const;

const CODES = new Map(Object.keys(FAULTS).map((code) => [problemType(code as FaultCode), code as FaultCode]));

/** The code of a problem document's type; undefined for one that is not ours. */
export function faultCodeOf(problem: { readonly type?: unknown }): FaultCode | undefined {
  return typeof problem.type === 'string' ? CODES.get(problem.type) : undefined;
}

/** What a command ends with that has thrown: its fault's code by the table of faults, 70 for a defect. */
export function exitOfError(error: unknown): number {
  return FAULTS[asFault(error).code].exit;
}

/** A task that failed only for want of something that may come back can be tried again. */
export function exitOfTask({ state, errors }: TaskAnswer): number {
  if (state === 'done') return EXIT.done;
  if (state === 'failed') return exitOfProblems(errors.map(({ problem }) => problem));
  return EXIT.failed;
}

/** A promotion that was refused has a code of its own, so that a release tool can tell a gate from a failure. */
export function exitOfPromotion({ state, error }: PromotionAnswer): number {
  if (state === 'done') return EXIT.done;
  if (state === 'refused') return EXIT.refused;
  if (state === 'failed') return exitOfProblems(error === null ? [] : [error]);
  return EXIT.failed;
}

/** What the promotion itself would end with: with nothing left of it, or one item of an atomic one, it would be refused. */
export function exitOfPlan({ atomic, totals }: PlanAnswer): number {
  if (totals.refusals === 0) return EXIT.done;
  return atomic || totals.adds + totals.moves + totals.noops === 0 ? EXIT.refused : EXIT.failed;
}

function exitOfProblems(problems: readonly Problem[]): number {
  const exits = problems.map((problem) => FAULTS[faultCodeOf(problem) ?? 'PROMOTION_FAILED'].exit);
  return exits.length > 0 && exits.every((exit) => exit === EXIT.tryAgain) ? EXIT.tryAgain : EXIT.failed;
}
