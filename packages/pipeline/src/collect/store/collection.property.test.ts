import * as fc from 'fast-check';
import { type Act, CollectedWorld, GRACE_MS, IMAGES } from './collected-world.fixture.ts';

/** `npm run soak` does ten times as many. */
const RUNS = process.env['GANTRY_TEST_SOAK'] === '1' ? 10_000 : 1000;
const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);

const image = fc.nat(IMAGES.length - 1);
const tag = fc.constantFrom('a', 'b');
const act = <T extends Act>(shape: fc.Arbitrary<T>): fc.Arbitrary<Act> => shape;

const fromSource = fc.oneof(
  { weight: 3, arbitrary: act(fc.record({ do: fc.constant('push' as const), tag, image })) },
  { weight: 3, arbitrary: act(fc.constant({ do: 'sync' as const })) },
  { weight: 1, arbitrary: act(fc.record({ do: fc.constant('sync tag' as const), tag })) },
);
const promoting = fc.oneof(
  {
    weight: 3,
    arbitrary: act(fc.record({ do: fc.constant('promote' as const), image, as: fc.constantFrom('v', 'w') })),
  },
  { weight: 1, arbitrary: act(fc.record({ do: fc.constant('roll back' as const), by: fc.nat(2) })) },
);
const collecting = fc.oneof(
  { weight: 4, arbitrary: act(fc.constant({ do: 'collect' as const })) },
  { weight: 1, arbitrary: act(fc.constant({ do: 'collect tree' as const })) },
);
const waiting = act(
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, GRACE_MS / 2, GRACE_MS) }),
);

/** What was there before: each of some images was the tag `a`, one after the other. */
const before = fc.array(image, { minLength: 1, maxLength: 3 });
const world = fc.record({
  before,
  /** Whether what is condemned then may go at once. */
  isDue: fc.boolean(),
  actors: fc.tuple(
    fc.array(fromSource, { minLength: 1, maxLength: 4 }),
    fc.array(promoting, { maxLength: 2 }),
    fc.array(collecting, { minLength: 1, maxLength: 4 }),
    fc.array(waiting, { maxLength: 4 }),
  ),
  order: fc.record({
    /** Decides what follows what. */
    seed: fc.nat(),
    /** From 0 to 1: how often another goes on. Seldom: then one is left standing while the others do all that they have to. */
    changes: fc.constantFrom(1, 0.3, 0.03, 0.01),
  }),
});

/** At each step another goes on, or for long the same one, as long as it can. */
function orderOf({ seed, changes }: { readonly seed: number; readonly changes: number }) {
  const random = seededRandom(seed);
  let ranks = [0, 0, 0, 0].map(random);
  return (actors: readonly number[]): number => {
    if (random() < changes) ranks = ranks.map(random);
    const rankOf = (at: number) => ranks[actors[at] ?? 0] ?? 0;
    return actors.reduce((first, _, at) => (rankOf(at) > rankOf(first) ? at : first), 0);
  };
}

/** Numbers from 0 to 1 (mulberry32), the same for a seed. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test(`no order of the steps of collections, syncs, promotions and rollbacks loses a blob (${RUNS} runs)`, async () => {
  await using template = await CollectedWorld.template();
  const seen = { freed: 0, spared: 0, refused: 0, published: 0, fetchedAgain: 0, steps: 0 };
  await fc.assert(
    fc.asyncProperty(world, async ({ before: images, isDue, actors, order }) => {
      await using one = await CollectedWorld.open(template.file);
      const first = images.flatMap((n): Act[] => [
        { do: 'push', tag: 'a', image: n },
        { do: 'sync' },
        { do: 'wait', ms: 1 },
      ]);
      const ready: Act[] = isDue ? [{ do: 'wait', ms: GRACE_MS }] : [];
      await one.run([[...first, { do: 'collect' }, ...ready]], () => 0);
      await one.run(actors, orderOf(order));
      expect(await one.lost()).toEqual([]);
      // What is not marked is deleted now.
      await one.run([[{ do: 'collect' }, { do: 'wait', ms: GRACE_MS }, { do: 'collect' }]], () => 0);
      expect(await one.lost()).toEqual([]);
      const { seen: befell } = one;
      for (const [what, count] of Object.entries(befell)) seen[what as keyof typeof befell] += count;
      seen.steps += one.steps.count;
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
}, 3_600_000);
