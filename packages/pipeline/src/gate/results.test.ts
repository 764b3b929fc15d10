import type { Outcome, Result } from '@gantry/catalog';
import * as fc from 'fast-check';
import { judgeResults } from './results.ts';

let made = 0;
const result = (testcase: string, outcome: Outcome, some: Partial<Result> = {}): Result => ({
  id: `r${made++}`,
  digest: `sha256:${'0'.repeat(64)}`,
  testcase,
  outcome,
  source: 'ci',
  groups: [],
  data: {},
  submittedBy: 'ci',
  submittedAt: '2026-11-21T09:00:00.000Z',
  ...some,
});

const judge = (...some: readonly Result[]) => judgeResults({ testcases: ['smoke'] }, some)[0]?.type;

describe('the results of test cases', () => {
  test.each([
    ['PASSED', true, 'test-result-passed', undefined],
    ['INFO', true, 'test-result-passed', undefined],
    ['FAILED', false, 'test-result-failed', undefined],
    ['NEEDS_INSPECTION', false, 'test-result-failed', undefined],
    ['ERROR', false, 'test-result-errored', undefined],
    ['QUEUED', false, 'test-result-incomplete', true],
    ['RUNNING', false, 'test-result-incomplete', true],
  ] as const)('%s: satisfied %s', (outcome, satisfied, type, pending) => {
    const [requirement] = judgeResults({ testcases: ['smoke'] }, [result('smoke', outcome)]);
    expect(requirement).toMatchObject({ name: 'smoke', satisfied, type });
    expect(requirement?.pending).toBe(pending);
  });

  test('name the result, who said it and where to look', () => {
    const url = 'https://ci.example.org/1';
    expect(judgeResults({ testcases: ['smoke'] }, [result('smoke', 'FAILED', { id: 'r', url })])).toEqual([
      {
        name: 'smoke',
        satisfied: false,
        type: 'test-result-failed',
        detail: 'smoke is FAILED, says ci: https://ci.example.org/1',
        evidence: {
          testcase: 'smoke',
          result: 'r',
          outcome: 'FAILED',
          source: 'ci',
          at: '2026-11-21T09:00:00.000Z',
          url,
        },
      },
    ]);
  });

  test('may be missing, and may still come', () => {
    expect(judgeResults({ testcases: ['smoke'], sources: ['ci', 'openqa'] }, [])).toEqual([
      {
        name: 'smoke',
        satisfied: false,
        type: 'test-result-missing',
        detail: 'no result of smoke from ci or openqa was reported',
        pending: true,
        evidence: { testcase: 'smoke' },
      },
    ]);
  });

  test('that differ by source or scenario must all pass', () => {
    const passed = result('smoke', 'PASSED');
    expect(judge(passed, result('smoke', 'PASSED', { scenario: 'arm64' }))).toBe('test-result-passed');
    expect(judge(passed, result('smoke', 'FAILED', { scenario: 'arm64' }))).toBe('test-result-failed');
    expect(judge(passed, result('smoke', 'RUNNING', { source: 'openqa' }))).toBe('test-result-incomplete');
    expect(judge(result('smoke', 'RUNNING'), result('smoke', 'FAILED', { source: 'b' }))).toBe(
      'test-result-failed',
    );
  });

  test('of other sources do not count, neither for nor against', () => {
    const rule = { testcases: ['smoke'], sources: ['ci'] };
    expect(judgeResults(rule, [result('smoke', 'PASSED', { source: 'me' })])[0]?.satisfied).toBe(false);
    expect(
      judgeResults(rule, [result('smoke', 'PASSED'), result('smoke', 'FAILED', { source: 'me' })])[0]
        ?.satisfied,
    ).toBe(true);
  });

  test('are asked of each scenario that is named, and of no other', () => {
    const rule = { testcases: ['smoke'], scenarios: ['x86', 'arm64'] };
    const judged = judgeResults(rule, [
      result('smoke', 'PASSED', { scenario: 'x86' }),
      result('smoke', 'FAILED', { scenario: 's390x' }),
      result('smoke', 'PASSED'),
    ]);
    expect(judged.map(({ name, type }) => [name, type])).toEqual([
      ['smoke x86', 'test-result-passed'],
      ['smoke arm64', 'test-result-missing'],
    ]);
  });

  test('pass only by PASSED or INFO, of each test case that is asked for', () => {
    const outcomes = fc.constantFrom<Outcome>('PASSED', 'INFO', 'FAILED', 'ERROR', 'RUNNING');
    const reported = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), outcomes, fc.constantFrom('x', 'y')));
    fc.assert(
      fc.property(reported, (some) => {
        const latest = some.map(([testcase, outcome, source]) => result(testcase, outcome, { source }));
        for (const { name, satisfied } of judgeResults({ testcases: ['a', 'b'] }, latest)) {
          const own = latest.filter(({ testcase }) => testcase === name);
          const good = own.every(({ outcome }) => outcome === 'PASSED' || outcome === 'INFO');
          expect(satisfied).toBe(own.length > 0 && good);
        }
      }),
    );
  });
});
