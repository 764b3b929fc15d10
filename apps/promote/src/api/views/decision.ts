import { GATE_KINDS, type Requirement, type Verdict } from '@gantry/catalog';
import { type GateDecision, isMissing } from '@gantry/pipeline';
import { z } from 'zod';
import { named, type View } from './named.ts';
import { presentResult, ResultView } from './result.ts';
import { presentWaiver, WaiverView } from './waiver.ts';

const SUBJECT_TYPE = 'container-image';

const DecidedRequirement = named(
  'DecidedRequirement',
  "One thing that a gate asks for, and how it stands: first what Greenwave says of one, then what is Gantry's own.",
  z.strictObject({
    type: z
      .string()
      .describe(
        'What became of it: `test-result-passed`, `test-result-missing`; with `-waived` if it was waived',
      ),
    testcase: z.string().describe('What is asked for: a test case, or the name of another requirement'),
    subject_type: z.literal(SUBJECT_TYPE),
    subject_identifier: z.string().describe('`REPO@DIGEST`'),
    scenario: z.string().nullable(),
    source: z.string().nullable().describe('Which test system says so'),
    result_id: z.string().nullable(),
    waiver_id: z.string().nullable(),
    gate: z.string().nullable().describe("The gate's name; null: the image itself is not there"),
    kind: z.enum(GATE_KINDS).nullable(),
    detail: z.string().describe('What was found or is missing, and where to look'),
    pending: z.boolean().describe('What is missing may still come'),
    evidence: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .describe('What it rests on'),
  }),
);

export const DecisionView = named(
  'Decision',
  'Whether images could come into a channel now, as Greenwave answers. Nothing is promoted.',
  z.strictObject({
    policies_satisfied: z.boolean(),
    summary: z.string(),
    applicable_policies: z.array(z.string()).describe("The channel's gates, by name"),
    satisfied_requirements: z.array(DecidedRequirement).describe('Those that were waived, too'),
    unsatisfied_requirements: z.array(DecidedRequirement),
    subjects: z
      .array(z.strictObject({ repository: z.string(), reference: z.string(), digest: z.string() }))
      .describe('The images that were found, each with what it was asked for by'),
    results: z.array(ResultView).exactOptional().describe('If it was asked for: the newest of each test'),
    waivers: z.array(WaiverView).exactOptional().describe('If it was asked for: those in force'),
  }),
);

type Decided = View<typeof DecidedRequirement>;

/** @param verbose whether results and waivers were asked for */
export function presentDecision(decision: GateDecision, verbose: boolean): View<typeof DecisionView> {
  const asked = decision.verdicts.flatMap((verdict) =>
    verdict.requirements.map((requirement) => ({
      missing: isMissing(requirement),
      shown: presentRequirement(verdict, requirement),
    })),
  );
  const missing = [
    ...decision.refused.map(presentRefused),
    ...asked.flatMap((one) => (one.missing ? one.shown : [])),
  ];
  const satisfied = asked.flatMap((one) => (one.missing ? [] : one.shown));
  return {
    policies_satisfied: missing.length === 0,
    summary: summaryOf(missing, satisfied.length),
    applicable_policies: (decision.channel.gates ?? []).map(({ name }) => name),
    satisfied_requirements: satisfied,
    unsatisfied_requirements: missing,
    subjects: decision.subjects.map(({ repository, reference, digest }) => ({
      repository,
      reference,
      digest,
    })),
    ...(verbose && {
      results: decision.results.map(presentResult),
      waivers: decision.waivers.map(presentWaiver),
    }),
  };
}

function presentRequirement(verdict: Verdict, requirement: Requirement): Decided {
  const { gate, kind, repository, digest } = verdict;
  const { name, type, detail, evidence = {}, waiver, pending = false } = requirement;
  const { testcase, scenario, source, result } = evidence;
  return {
    type: requirement.satisfied || waiver === undefined ? type : `${type}-waived`,
    testcase: textOf(testcase) ?? name,
    subject_type: SUBJECT_TYPE,
    subject_identifier: `${repository}@${digest}`,
    scenario: textOf(scenario),
    source: textOf(source),
    result_id: textOf(result),
    waiver_id: waiver ?? null,
    gate,
    kind,
    detail,
    pending,
    evidence,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function presentRefused({ repository, reference, problem }: GateDecision['refused'][number]): Decided {
  return {
    type: problem.type.slice(problem.type.lastIndexOf(':') + 1),
    testcase: 'reference',
    subject_type: SUBJECT_TYPE,
    subject_identifier: `${repository}${reference.includes(':') ? '@' : ':'}${reference}`,
    scenario: null,
    source: null,
    result_id: null,
    waiver_id: null,
    gate: null,
    kind: null,
    detail: problem.detail,
    pending: false,
    evidence: {},
  };
}

function summaryOf(missing: readonly Decided[], satisfied: number): string {
  const all = missing.length + satisfied;
  if (all === 0) return 'nothing is asked for';
  if (missing.length === 0)
    return all === 1 ? 'the one requirement is satisfied' : `all ${all} requirements are satisfied`;
  const pending = missing.filter((one) => one.pending).length;
  const may = pending === 0 ? '' : `; ${pending} may still come`;
  return `${missing.length} of ${all} requirements ${missing.length === 1 ? 'is' : 'are'} not satisfied${may}`;
}
