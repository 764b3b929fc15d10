import { array, assert, asyncProperty } from 'fast-check';
import { DAY_MS, openCollected, SHORT } from './collecting.fixture.ts';
import { make, Promises, REPOSITORIES, TEXTS, timed } from './random-steps.fixture.ts';
import { retainedSnapshots } from './retained-snapshots.ts';

/** `npm run soak` does many more. */
const RUNS = process.env['GANTRY_TEST_SOAK'] === '1' ? 300 : 12;
const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);

test(`whatever is published, rolled back and collected, and whenever: ${RUNS} histories`, async () => {
  const history = array(timed, { minLength: 8, maxLength: 25 });
  await assert(
    asyncProperty(history, async (steps) => {
      await using tree = await openCollected();
      await tree.push(REPOSITORIES, TEXTS);
      const promises = new Promises(tree);
      for (const { step: one, afterMs } of steps) {
        tree.pass(afterMs);
        await make(tree, one);
        expect(await promises.broken()).toEqual([]);
      }
      await tree.publish('one', 'a', '1');
      for (let time = 0; time < 8; time++) {
        tree.pass(4 * DAY_MS);
        await tree.collect();
        expect(await promises.broken()).toEqual([]);
      }
      const { treeSource, clock } = tree.fixture;
      let reached = new Set<string>();
      for (const { serial } of await retainedSnapshots(treeSource, SHORT, clock))
        reached = reached.union(await tree.pull(serial));
      expect(await tree.files()).toEqual(reached);
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true, includeErrorInReport: true },
  );
}, 1_200_000);
