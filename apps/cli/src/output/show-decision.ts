import type { Output } from '../cli.ts';
import type { DecidedRequirementAnswer, DecisionAnswer, RequirementAnswer } from '../gate-answers.ts';
import { gateName, showRequirement } from './show-gates.ts';
import { printable } from './text.ts';

/** Prints what gates would say: of each image each gate, with each requirement. */
export function showDecision(stdout: Output, decision: DecisionAnswer): void {
  const all = [
    ...decision.unsatisfied_requirements.map((one) => ({ ...one, isMissing: true })),
    ...decision.satisfied_requirements.map((one) => ({ ...one, isMissing: false })),
  ];
  const references = new Map(
    decision.subjects.map(({ repository, reference, digest }) => [`${repository}@${digest}`, reference]),
  );
  for (const [image, ofImage] of Map.groupBy(all, (one) => one.subject_identifier)) {
    const reference = references.get(image);
    const asked = reference === undefined || image.endsWith(reference) ? '' : ` (${reference})`;
    stdout.write(`${printable(`${image}${asked}`)}\n`);
    const gates = Map.groupBy(ofImage, ({ gate }) => gate);
    for (const gate of [null, ...decision.applicable_policies]) {
      const requirements = gates.get(gate) ?? [];
      const kind = requirements[0]?.kind ?? null;
      if (gate !== null && kind !== null) stdout.write(`  gate ${printable(gateName(gate, kind))}\n`);
      for (const one of requirements) showRequirement(stdout, asRequirement(one, one.isMissing));
    }
  }
  stdout.write(`${printable(decision.summary)}\n`);
}

function asRequirement(one: DecidedRequirementAnswer, isMissing: boolean): RequirementAnswer {
  const { testcase, type, detail, pending, evidence, waiver_id: waiver } = one;
  return {
    name: testcase,
    satisfied: !isMissing && waiver === null,
    type,
    detail,
    pending,
    evidence,
    ...(waiver !== null && { waiver }),
  };
}
