import type { Requirement, Verdict, Waiver } from '@gantry/catalog';
import * as fc from 'fast-check';
import type { Gate } from './gate.ts';
import { applyWaivers, askAgainAt, gateRefusal, isMissing, outcomeOf, verdictState } from './verdict.ts';

const DIGEST = `sha256:${'0'.repeat(64)}` as const;
const NOW = new Date('2026-11-21T09:00:00.000Z');

const names = fc.constantFrom('a', 'b', 'c', 'evaluated');
const requirement: fc.Arbitrary<Requirement> = fc.record(
  {
    name: names,
    satisfied: fc.boolean(),
    type: fc.constantFrom('test-result-missing', 'not-evaluated'),
    detail: fc.constant('so it is'),
    pending: fc.constant(true as const),
    evidence: fc.constant({ notBefore: NOW.toISOString() }),
  },
  { requiredKeys: ['name', 'satisfied', 'type', 'detail'] },
);
const requirements = fc.uniqueArray(requirement, { selector: ({ name }) => name });
const waiver: fc.Arbitrary<Waiver> = fc
  .record(
    { id: fc.uuid(), gate: fc.constantFrom('tests', 'other'), requirement: names },
    { requiredKeys: ['id', 'gate'] },
  )
  .map((some) => ({
    channel: 'stable',
    digest: DIGEST,
    reason: 'why',
    author: 'ada',
    createdAt: NOW.toISOString(),
    expiresAt: NOW.toISOString(),
    ...some,
  }));
const waivers = fc.array(waiver, { maxLength: 4 });

const verdict = (state: Verdict['state'], some: readonly Requirement[] = [], gate = 'tests'): Verdict => ({
  gate,
  kind: 'results',
  repository: 'app',
  digest: DIGEST,
  state,
  requirements: some,
  at: NOW.toISOString(),
});

const missing = (name: string): Requirement => ({
  name,
  satisfied: false,
  type: 'test-result-missing',
  detail: `no result of ${name} was reported`,
});
const pending = (some: Partial<Requirement>): Requirement => ({ ...missing('a'), pending: true, ...some });

describe('whatever a gate finds and whoever waives', () => {
  test('nothing that is missing and not waived for this gate by name ever passes', () => {
    fc.assert(
      fc.property(requirements, waivers, fc.boolean(), (found, given, mayWait) => {
        const state = verdictState(applyWaivers('tests', found, given), mayWait);
        const covered = (name: string) =>
          given.some((one) => one.gate === 'tests' && (one.requirement ?? name) === name);
        const lacking = found.filter(({ satisfied, name }) => !satisfied && !covered(name));
        const mayCome = mayWait && lacking.every((one) => one.pending === true);
        expect(['passed', 'waived'].includes(state)).toBe(lacking.length === 0);
        expect(state === 'waiting').toBe(lacking.length > 0 && mayCome);
      }),
    );
  });

  test('it is waived only where something was missing', () => {
    fc.assert(
      fc.property(requirements, waivers, (found, given) => {
        const state = verdictState(applyWaivers('tests', found, given), false);
        const all = found.every(({ satisfied }) => satisfied);
        expect(state === 'passed').toBe(all);
        expect(state === 'waived' && all).toBe(false);
      }),
    );
  });

  test('a waiver changes no requirement but by its id', () => {
    fc.assert(
      fc.property(requirements, waivers, (found, given) => {
        const ids = given.map(({ id }) => id);
        const shown = applyWaivers('tests', found, given);
        expect(shown).toMatchObject(found);
        expect(shown.every(({ waiver: id }) => id === undefined || ids.includes(id))).toBe(true);
      }),
    );
  });

  test('an image passes when all of its gates did, and is refused when one does', () => {
    const states = fc.array(fc.constantFrom('passed', 'waived', 'waiting', 'refused' as const));
    fc.assert(
      fc.property(states, (given) => {
        const outcome = outcomeOf(given.map((state) => verdict(state)));
        expect(outcome === 'passed').toBe(given.every((state) => state === 'passed' || state === 'waived'));
        expect(outcome === 'refused').toBe(given.includes('refused'));
      }),
    );
  });
});

test('a refusal names each gate that refuses, and what it lacks', () => {
  const refusal = gateRefusal([
    verdict('passed'),
    verdict('refused', ['a', 'b', 'c', 'd', 'e'].map(missing)),
    verdict('refused', [missing('f'), { ...missing('g'), waiver: 'w' }], 'more'),
  ]);
  expect([refusal.code, refusal.message, refusal.details]).toEqual([
    'GATE_REFUSED',
    'refused by tests: no result of a was reported; no result of b was reported; no result of c was reported; and 2 more. By more: no result of f was reported',
    { gates: 'tests, more' },
  ]);
  expect(isMissing({ ...missing('g'), waiver: 'w' })).toBe(false);
});

describe('what waits is asked again', () => {
  const gate: Gate = { name: 'tests', kind: 'results', waitMs: 3_600_000, evaluate: async () => [] };
  const since = new Date(NOW.getTime() - 60_000);
  const at = (...some: readonly Requirement[]) =>
    askAgainAt([verdict('passed'), verdict('waiting', some)], [gate], since, NOW)?.toISOString();

  test.each([
    ['when the wait is over', pending({}), '2026-11-21T09:59:00.000Z'],
    [
      'when a time has come',
      pending({ evidence: { notBefore: '2026-11-21T09:10:00.000Z' } }),
      '2026-11-21T09:10:00.000Z',
    ],
    ['when its source may answer', pending({ type: 'not-evaluated' }), '2026-11-21T09:00:30.000Z'],
    [
      'as late as its source asks for',
      pending({ type: 'not-evaluated', evidence: { notBefore: '2026-11-21T09:02:00.000Z' } }),
      '2026-11-21T09:02:00.000Z',
    ],
    [
      'at once when the time is over',
      pending({ evidence: { notBefore: '2026-11-21T08:00:00.000Z' } }),
      NOW.toISOString(),
    ],
    ['whatever the evidence says', pending({ evidence: { notBefore: 'soon' } }), '2026-11-21T09:59:00.000Z'],
  ])('%s', (_when, one, expected) => {
    expect(at(one)).toBe(expected);
  });

  test('and what does not wait is not', () => {
    expect(askAgainAt([verdict('refused', [pending({})])], [gate], since, NOW)).toBeUndefined();
  });
});
