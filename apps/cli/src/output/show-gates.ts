import type { PromotionAnswer } from '../answers.ts';
import type { Output } from '../cli.ts';
import type { RequirementAnswer, VerdictAnswer } from '../gate-answers.ts';
import { shellWord } from './shell-word.ts';
import { formatTime, plural, printable } from './text.ts';

/** Neither satisfied nor waived. */
export function isMissing({ satisfied, waiver }: RequirementAnswer): boolean {
  return !satisfied && waiver === undefined;
}

export function isPassed({ state }: VerdictAnswer): boolean {
  return state === 'passed' || state === 'waived';
}

/** What progress says of the gates: each with how many images passed it, then what is missing. */
export function gateProgress({ gates }: Pick<PromotionAnswer, 'gates'>): readonly string[] {
  const lines: string[] = [];
  for (const [gate, verdicts] of Map.groupBy(gates, (verdict) => verdict.gate)) {
    const passed = verdicts.filter(isPassed).length;
    const all = passed === verdicts.length;
    if (passed > 0)
      lines.push(`gate ${gate}: passed${all ? '' : ` by ${passed} of ${plural(verdicts.length, 'image')}`}`);
    for (const verdict of verdicts) {
      if (isPassed(verdict)) continue;
      const { state, repository, requirements } = verdict;
      const missing = requirements.filter(isMissing).map(({ detail }) => detail);
      const verb = state === 'waiting' ? 'waits' : 'refuses';
      lines.push(`gate ${gate} ${verb}, ${repository}: ${missing.join('; ')}`);
    }
  }
  return lines;
}

/** Prints each gate of each image, with each requirement: how it stands, why, and what that rests on. */
export function showVerdicts(stdout: Output, verdicts: readonly VerdictAnswer[]): void {
  const images = Map.groupBy(verdicts, ({ repository, digest }) => `${repository}@${digest}`);
  for (const ofImage of images.values()) {
    const [first] = ofImage;
    if (first === undefined) continue;
    stdout.write(`${printable(`${first.repository}@${first.digest}`)}\n`);
    for (const { gate, kind, state, at, requirements } of ofImage) {
      stdout.write(
        `  gate ${printable(gateName(gate, kind))}: ${printable(state)}, asked ${formatTime(at)}\n`,
      );
      for (const requirement of requirements) showRequirement(stdout, requirement);
      if (requirements.length === 0) stdout.write('    it asks for nothing here\n');
    }
  }
}

/** `tests (results)`; of a gate that is called what it is: `results` */
export function gateName(gate: string, kind: string): string {
  return gate === kind ? gate : `${gate} (${kind})`;
}

/** `+` satisfied, `w` waived, `?` may still come, `!` missing. */
export function showRequirement(stdout: Output, requirement: RequirementAnswer): void {
  const { name, type, detail, evidence = {}, waiver } = requirement;
  const mark = !isMissing(requirement)
    ? requirement.satisfied
      ? '+'
      : 'w'
    : requirement.pending === true
      ? '?'
      : '!';
  stdout.write(`    ${mark} ${printable(name)} (${printable(type)}): ${printable(detail)}\n`);
  if (waiver !== undefined) stdout.write(`        waiver ${printable(waiver)}\n`);
  for (const [what, value] of Object.entries(evidence))
    if (value !== '') stdout.write(`        ${printable(what)}: ${printable(String(value))}\n`);
}

const ENDED: readonly string[] = ['refused', 'partial', 'failed', 'cancelled'];

/** What can be done about what is missing, as commands. Of a promotion that has ended, the last ones ask for it anew. */
export function remedies(promotion: PromotionAnswer): readonly string[] {
  const { id, to } = promotion;
  const isOver = ENDED.includes(promotion.state);
  const lines = new Set<string>();
  for (const { gate, kind, repository, digest, state, requirements } of promotion.gates) {
    if (state !== 'waiting' && state !== 'refused') continue;
    if (kind === 'approvals' && isOver) continue; // the next promotion needs approvals of its own
    const image = `${repository}@${digest}`;
    if (kind === 'approvals' && state === 'waiting') lines.add(`gantry approve ${id}`);
    for (const { name, type, evidence } of requirements.filter(isMissing)) {
      const testcase = evidence?.['testcase'];
      if (type === 'test-result-missing' && typeof testcase === 'string')
        lines.add(`gantry results add ${image} ${shellWord(testcase)} OUTCOME --source …`);
      if (type === 'report-missing') lines.add(`gantry results report FILE ${image} --source …`);
      lines.add(
        `gantry waive ${to} ${image} --gate ${gate} --requirement ${shellWord(name)} --reason "…" --expires 7d`,
      );
    }
  }
  if (lines.size > 0 && isOver)
    for (const { state, repository, digest, tags } of promotion.items)
      if (state === 'refused' && digest !== null)
        lines.add(`gantry promote ${repository}@${digest} --to ${to} --tag ${tags.join(' ')} --wait`);
  return [...lines];
}
