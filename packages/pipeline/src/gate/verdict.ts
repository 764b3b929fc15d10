import type { Requirement, Verdict, Waiver } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Gate } from './gate.ts';

/** A gate's source that can't be asked just now is asked again after this time, in ms. */
const ASK_AGAIN_MS = 30_000;

/** Waivers that hold, put where they make up for something: the gate's requirements that are not satisfied. */
export function applyWaivers(
  gate: string,
  requirements: readonly Requirement[],
  waivers: readonly Waiver[],
): readonly Requirement[] {
  const ofGate = waivers.filter((waiver) => waiver.gate === gate);
  return requirements.map((requirement) => {
    if (requirement.satisfied) return requirement;
    const waiver =
      ofGate.find((one) => one.requirement === requirement.name) ??
      ofGate.find((one) => one.requirement === undefined);
    return waiver === undefined ? requirement : { ...requirement, waiver: waiver.id };
  });
}

/**
 * What follows from a gate's requirements.
 * @param mayWait whether what is pending is waited for
 */
export function verdictState(requirements: readonly Requirement[], mayWait: boolean): Verdict['state'] {
  const missing = requirements.filter(isMissing);
  if (missing.length > 0) {
    return mayWait && missing.every(({ pending }) => pending === true) ? 'waiting' : 'refused';
  }
  return requirements.some(({ satisfied }) => !satisfied) ? 'waived' : 'passed';
}

/** Neither satisfied nor waived. */
export function isMissing(requirement: Requirement): boolean {
  return !requirement.satisfied && requirement.waiver === undefined;
}

/** What all verdicts of one image come to: one refusal refuses it, whatever may still come for others. */
export function outcomeOf(verdicts: readonly Verdict[]): 'passed' | 'waiting' | 'refused' {
  if (verdicts.some(({ state }) => state === 'refused')) return 'refused';
  return verdicts.some(({ state }) => state === 'waiting') ? 'waiting' : 'passed';
}

/** Why the verdicts of one image refuse it: each gate that does, and what it lacks. */
export function gateRefusal(verdicts: readonly Verdict[]): Fault {
  const refusing = verdicts.filter(({ state }) => state === 'refused');
  const reasons = refusing.map(({ gate, requirements }) => {
    const missing = requirements.filter(isMissing);
    const shown = missing.slice(0, 3).map(({ detail }) => detail);
    const more = missing.length - shown.length;
    return `${gate}: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  });
  return new Fault('GATE_REFUSED', `refused by ${reasons.join('. By ')}`, {
    gates: refusing.map(({ gate }) => gate).join(', '),
  });
}

/**
 * When asking again may have another outcome without anything being reported: a time has come that a gate waits for, the
 * wait is over, or a source may answer again. undefined: nothing waits.
 * @param since when the gates were asked first
 */
export function askAgainAt(
  verdicts: readonly Verdict[],
  gates: readonly Gate[],
  since: Date,
  now: Date,
): Date | undefined {
  const times = verdicts
    .filter(({ state }) => state === 'waiting')
    .flatMap(({ gate, requirements }) => [
      since.getTime() + (gates.find(({ name }) => name === gate)?.waitMs ?? 0),
      ...requirements.filter(isMissing).flatMap(({ type, evidence }) => {
        const { notBefore } = evidence ?? {};
        if (typeof notBefore === 'string') return Date.parse(notBefore);
        return type === 'not-evaluated' ? now.getTime() + ASK_AGAIN_MS : [];
      }),
    ]);
  const first = Math.min(...times.filter((time) => !Number.isNaN(time)));
  return Number.isFinite(first) ? new Date(Math.max(first, now.getTime())) : undefined;
}
