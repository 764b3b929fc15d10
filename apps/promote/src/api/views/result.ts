import { OUTCOMES, type Result } from '@gantry/catalog';
import { z } from 'zod';
import { named, Time, type View } from './named.ts';

export const ResultView = named(
  'Result',
  'What a test came to, of one image.',
  z.strictObject({
    id: z.string(),
    digest: z.string().describe('The image'),
    repository: z.string().nullable().describe('The published name; null: not said'),
    testcase: z.string(),
    testcase_ref_url: z.string().nullable().describe('Where the test case is described'),
    outcome: z.enum(OUTCOMES),
    source: z.string().describe('Which test system says so'),
    scenario: z.string().nullable().describe('One of several runs that are told apart'),
    ref_url: z.string().nullable().describe('Where the run can be read'),
    note: z.string().nullable(),
    groups: z.array(z.string()),
    data: z.record(z.string(), z.array(z.string())).describe('What else the test system said'),
    submittedBy: z.string(),
    submittedAt: Time,
  }),
);

export const ResultsView = named(
  'RecordedResults',
  'What was sent, as it is kept: a result, or a list of them in the same order.',
  z.union([ResultView, z.array(ResultView)]),
);

export function presentResult(result: Result): View<typeof ResultView> {
  const { id, digest, testcase, outcome, source, groups, data, submittedBy, submittedAt } = result;
  return {
    id,
    digest,
    repository: result.repository ?? null,
    testcase,
    testcase_ref_url: result.testcaseUrl ?? null,
    outcome,
    source,
    scenario: result.scenario ?? null,
    ref_url: result.url ?? null,
    note: result.note ?? null,
    groups,
    data,
    submittedBy,
    submittedAt,
  };
}
