import type { Requirement, Result } from '@gantry/catalog';
import { printable } from '@gantry/oci';
import type { ResultsRule } from './configuration.ts';
import type { Gate } from './gate.ts';

/** Asks for a newest result that is PASSED or INFO, of each test case and of each source and scenario that there is. */
export function openResultsGate(rule: ResultsRule): Gate['evaluate'] {
  return async ({ digest }, { flow }) => judgeResults(rule, await flow.catalog.results.latest(digest));
}

/**
 * How the test cases stand. One that failed anywhere is refused, whatever is still running elsewhere.
 * @param latest the newest result of each source, test case and scenario of one digest
 */
export function judgeResults(rule: ResultsRule, latest: readonly Result[]): readonly Requirement[] {
  const { sources, scenarios } = rule;
  const counting = latest.filter(
    ({ source, scenario }) =>
      (sources?.includes(source) ?? true) &&
      (scenarios === undefined || (scenario !== undefined && scenarios.includes(scenario))),
  );
  return [...new Set(rule.testcases)].flatMap((testcase) => {
    const results = counting.filter((result) => result.testcase === testcase);
    if (scenarios === undefined) return judgeOne(testcase, testcase, results, rule);
    return scenarios.map((scenario) =>
      judgeOne(
        nameInScenario(testcase, scenario),
        testcase,
        results.filter((result) => result.scenario === scenario),
        rule,
        scenario,
      ),
    );
  });
}

/** What the requirement of a test case in a scenario is called. */
export function nameInScenario(testcase: string, scenario: string): string {
  return `${testcase} ${scenario}`;
}

function judgeOne(
  name: string,
  testcase: string,
  results: readonly Result[],
  { sources }: ResultsRule,
  scenario?: string,
): Requirement {
  const decisive = results.toSorted((a, b) => weightOf(b) - weightOf(a))[0];
  const inScenario = scenario === undefined ? {} : { scenario };
  if (decisive === undefined) {
    const from = sources === undefined ? '' : ` from ${sources.join(' or ')}`;
    return {
      name,
      satisfied: false,
      type: 'test-result-missing',
      detail: `no result of ${testcase}${scenario === undefined ? '' : ` in ${scenario}`}${from} was reported`,
      pending: true,
      evidence: { testcase, ...inScenario },
    };
  }
  const state = stateOf(decisive);
  const inOne = decisive.scenario === undefined ? '' : ` in ${decisive.scenario}`;
  const where = decisive.url === undefined ? '' : `: ${decisive.url}`;
  return {
    name,
    satisfied: state === 'passed',
    type: TYPES[state],
    detail: printable(`${testcase} is ${decisive.outcome}${inOne}, says ${decisive.source}${where}`),
    ...(state === 'running' ? { pending: true } : {}),
    evidence: {
      testcase,
      result: decisive.id,
      outcome: decisive.outcome,
      source: decisive.source,
      at: decisive.submittedAt,
      ...(decisive.scenario === undefined ? {} : { scenario: decisive.scenario }),
      ...(decisive.url === undefined ? {} : { url: decisive.url }),
      ...(results.length > 1 ? { results: results.map(({ id }) => id).join(' ') } : {}),
    },
  };
}

/** Greenwave's names where it has one. */
const TYPES = {
  passed: 'test-result-passed',
  failed: 'test-result-failed',
  errored: 'test-result-errored',
  running: 'test-result-incomplete',
} as const;

function stateOf({ outcome }: Result): keyof typeof TYPES {
  switch (outcome) {
    case 'PASSED':
    case 'INFO':
      return 'passed';
    case 'QUEUED':
    case 'RUNNING':
      return 'running';
    case 'ERROR':
      return 'errored';
    default:
      return 'failed';
  }
}

/** What decides among the results of one test case: the worst. */
function weightOf(result: Result): number {
  return ['passed', 'running', 'errored', 'failed'].indexOf(stateOf(result));
}
