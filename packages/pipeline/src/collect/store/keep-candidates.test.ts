import { type KeepRule, KeptCandidates } from './keep-candidates.ts';

const DAY = 86_400_000;
const NOW = new Date('2026-11-21T09:00:00.000Z');

/** @param ages in days, the newest first */
function keeps(rule: KeepRule | undefined, ages: readonly number[], repository = 'app'): boolean[] {
  const decided = new KeptCandidates(new Map(rule === undefined ? [] : [['main', rule]]), NOW);
  return ages.map((age) =>
    decided.keeps({
      source: 'main',
      repository,
      syncedAt: new Date(NOW.getTime() - age * DAY).toISOString(),
    }),
  );
}

test.each<[string, KeepRule | undefined, number[], boolean[]]>([
  ['without a rule all are kept', undefined, [0, 1000], [true, true]],
  ['the newest are kept, however old', { latest: 2 }, [500, 600, 700], [true, true, false]],
  [
    'the young ones are kept, however many',
    { forMs: 90 * DAY },
    [1, 2, 89, 90, 91],
    [true, true, true, false, false],
  ],
  ['with both rules one of them is enough', { latest: 1, forMs: 90 * DAY }, [1, 2, 91], [true, true, false]],
  [
    'with both rules the newest are kept, however old',
    { latest: 2, forMs: DAY },
    [100, 200, 300],
    [true, true, false],
  ],
])('%s', (_, rule, ages, expected) => {
  expect(keeps(rule, ages)).toEqual(expected);
});

test('each repository has its own newest', () => {
  const decided = new KeptCandidates(new Map([['main', { latest: 1 }]]), NOW);
  const at = (repository: string) =>
    decided.keeps({ source: 'main', repository, syncedAt: NOW.toISOString() });
  expect(['app', 'web', 'app', 'web'].map(at)).toEqual([true, true, false, false]);
});
