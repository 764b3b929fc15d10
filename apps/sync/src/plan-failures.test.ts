import type { Failure } from '@gantry/catalog';
import { Fault, toProblem } from '@gantry/oci';
import type { SyncFailure } from '@gantry/pipeline';
import * as fc from 'fast-check';
import { backoffMs } from './backoff.ts';
import { planFailures, type SyncReport } from './plan-failures.ts';

const now = new Date('2026-11-21T09:00:00.000Z');
const at = (ms: number) => new Date(now.getTime() + ms).toISOString();
const problem = toProblem(new Fault('SOURCE_FAILED', 'answered 500'));
const failed = (tag?: string, also: Partial<SyncFailure> = {}): SyncFailure => ({
  sourceRepository: 'candidate/app',
  repository: 'app',
  ...(tag === undefined ? {} : { tag }),
  problem,
  retry: true,
  ...also,
});
const known = (tag?: string, also: Partial<Failure> = {}): Failure => ({
  source: 'builds',
  sourceRepository: 'candidate/app',
  repository: 'app',
  ...(tag === undefined ? {} : { tag }),
  problem,
  attempts: 1,
  firstAt: at(-60_000),
  lastAt: at(-60_000),
  retryAt: at(-1),
  ...also,
});
const plan = (report: Partial<SyncReport>) =>
  planFailures({
    source: 'builds',
    failures: [],
    known: [],
    now,
    random: () => 1,
    publishedName: (name) => name.replace('candidate/', ''),
    ...report,
  });
const limited = (retryAfterSeconds: number) =>
  failed('a', { problem: toProblem(new Fault('TOOMANYREQUESTS', 'answered 429', { retryAfterSeconds })) });
const items = (...tags: string[]) => [{ sourceRepository: 'candidate/app', tags }];
const placesOf = (places: readonly { tag?: string }[]) =>
  places.map(({ tag }) => String(tag)).toSorted((a, b) => (a < b ? -1 : 1));

describe('after a sync of what the source lists', () => {
  test('what failed is counted on, and what failed no more is taken away', () => {
    const { put, remove } = plan({ failures: [failed('a'), failed('new')], known: [known('a'), known('b')] });
    expect(put).toEqual([
      known('a', { attempts: 2, lastAt: at(0), retryAt: at(120_000) }),
      known('new', { firstAt: at(0), lastAt: at(0), retryAt: at(60_000) }),
    ]);
    expect(remove).toEqual([{ source: 'builds', sourceRepository: 'candidate/app', tag: 'b' }]);
  });

  test('what stays wrong has no time of its own', () => {
    expect(plan({ failures: [failed('a', { retry: false })] }).put[0]?.retryAt).toBeNull();
  });

  test('what the registry asked to leave alone for a time is left alone for so long, a day at the most', () => {
    expect(plan({ failures: [limited(7200)] }).put[0]?.retryAt).toBe(at(7_200_000 + 60_000));
    expect(plan({ failures: [limited(10 * 24 * 3600)] }).put[0]?.retryAt).toBe(at(24 * 3_600_000 + 60_000));
  });

  test('of a repository that could not be listed, what is known of its tags stands', () => {
    const { put, remove } = plan({ failures: [failed()], known: [known('a'), known()] });
    expect([placesOf(put), remove]).toEqual([['undefined'], []]);
    expect(put[0]?.attempts).toBe(2);
  });

  test('a repository that could be listed again has no failure as a whole', () => {
    expect(placesOf(plan({ known: [known()] }).remove)).toEqual(['undefined']);
  });

  test.each([
    ['the source could not be listed', [{ problem, retry: true }]],
    ['there was no space', [failed('x', { problem: toProblem(new Fault('STORAGE_FULL', 'no space')) })]],
    ['more failed than is named', Array.from({ length: 1000 }, (_, one) => failed(`n${one}`))],
  ])('that ended early, as %s, nothing is taken away, and what was due is put off', (_why, failures) => {
    const { put, remove } = plan({ failures, known: [known('due'), known('later', { retryAt: at(1) })] });
    expect(remove).toEqual([]);
    expect(put.find(({ tag }) => tag === 'due')).toMatchObject({ attempts: 2, retryAt: at(120_000) });
    expect(put.find(({ tag }) => tag === 'later')).toBeUndefined();
  });

  test('a name that is no repository is nothing to try again', () => {
    const bad = { repository: '../x', problem, retry: false };
    expect(plan({ failures: [bad], known: [known('b')] })).toMatchObject({ put: [], remove: [{ tag: 'b' }] });
  });
});

describe('after a sync of named tags', () => {
  test('what did not fail went through; what was not asked for is not touched', () => {
    const { put, remove } = plan({
      items: items('a', 'b', 'c'),
      failures: [failed('a')],
      known: [known('b')],
    });
    expect([placesOf(put), placesOf(remove)]).toEqual([['a'], ['b']]);
  });

  test('a repository that failed as a whole failed with each of them', () => {
    const { put, remove } = plan({ items: items('a', 'b'), failures: [failed()], known: [known('b')] });
    expect(put.map(({ tag, attempts }) => [tag, attempts])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(remove).toEqual([]);
  });

  test('that ended early, each that it did not come to is tried again', () => {
    const { put } = plan({ items: items('a', 'b'), failures: [failed('a'), { problem, retry: true }] });
    expect(put.map(({ tag, repository }) => [tag, repository])).toEqual([
      ['a', 'app'],
      ['b', 'app'],
    ]);
  });
});

test('whatever happens, nothing is both kept and taken away, and no attempt is forgotten', () => {
  const tag: fc.Arbitrary<string | undefined> = fc.constantFrom('a', 'b', 'c', undefined);
  const failure = fc.oneof(
    tag.map((one) => failed(one)),
    fc.constant({ problem, retry: true }),
  );
  const asked = fc.option(
    fc.subarray(['a', 'b', 'c'], { minLength: 1 }).map((tags) => items(...tags)),
    {
      nil: undefined,
    },
  );
  fc.assert(
    fc.property(fc.array(failure), fc.uniqueArray(tag), asked, (failures, places, of) => {
      const before = places.map((one) => known(one, { attempts: 4 }));
      const { put, remove } = plan({ failures, known: before, ...(of === undefined ? {} : { items: of }) });
      const kept = put.map((one) => String(one.tag));
      expect(new Set(kept).size).toBe(kept.length);
      for (const one of remove) expect(kept).not.toContain(String(one.tag));
      for (const one of put) expect(one.attempts).toBe(places.includes(one.tag) ? 5 : 1);
    }),
  );
});

test('the pause doubles from a minute to an hour, and all of it is left to chance', () => {
  expect([1, 2, 3, 6, 7, 8, 1000].map((attempts) => backoffMs(attempts, 1) / 60_000)).toEqual([
    1, 2, 4, 32, 60, 60, 60,
  ]);
  expect(backoffMs(3, 0)).toBe(0);
  expect(backoffMs(3, 0.25)).toBe(60_000);
});
