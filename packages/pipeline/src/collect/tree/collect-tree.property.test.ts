import { readStatement } from '@gantry/tree';
import fc from 'fast-check';
import { acceptRollback } from '../../promote/rollback.ts';
import { runPromotion } from '../../promote/run-promotion.ts';
import { DAY_MS, HOUR_MS, openCollected, SHORT } from './collecting.fixture.ts';
import type { CollectedTree } from './collecting.fixture.ts';
import { retainedSnapshots } from './retained-snapshots.ts';

/** `npm run soak` does many more. */
const RUNS = process.env['GANTRY_TEST_SOAK'] === '1' ? 300 : 12;
const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);

const REPOSITORIES = ['one', 'two'];
const TAGS = ['a', 'b'];
const TEXTS = ['1', '2', '3', '4'];

type Step =
  | { readonly do: 'publish'; readonly repository: string; readonly tag: string; readonly text: string }
  | { readonly do: 'roll back'; readonly by: number }
  | { readonly do: 'collect' }
  | { readonly do: 'say' }
  | { readonly do: 'refresh' };

/** A step, and how long after the one before it. */
interface Timed {
  readonly step: Step;
  readonly afterMs: number;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      repository: fc.constantFrom(...REPOSITORIES),
      tag: fc.constantFrom(...TAGS),
      text: fc.constantFrom(...TEXTS),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('roll back' as const), by: fc.nat(6) }) },
  { weight: 5, arbitrary: fc.constant<Step>({ do: 'collect' }) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'say' }, { do: 'refresh' }) },
);

const timed: fc.Arbitrary<Timed> = fc.record({
  step,
  afterMs: fc.oneof(fc.nat(HOUR_MS), fc.nat(DAY_MS), fc.nat(4 * DAY_MS), fc.constant(SHORT.graceMs)),
});

/** What a tree must keep to whatever is done with it. */
class Promises {
  readonly #tree: CollectedTree;
  /** When each object was reached last by a snapshot that was retained then. */
  readonly #reachedAt = new Map<string, number>();
  #files: ReadonlySet<string> = new Set();

  constructor(tree: CollectedTree) {
    this.#tree = tree;
  }

  async hold(): Promise<void> {
    const { fixture, tree } = this.#tree;
    const now = fixture.clock.getTime();
    for (const { serial } of await retainedSnapshots(fixture.treeSource, tree.retention, fixture.clock))
      for (const path of await this.#tree.pull(serial)) this.#reachedAt.set(path, now);
    // Before the first publication all is missing; and a statement may have run out, as nobody publishes.
    const found = (await this.#tree.findings()).filter((finding) => !finding.startsWith('expired'));
    if (await readStatement(fixture.treeSource)) expect(found).toEqual([]);
    const files = await this.#tree.files();
    const early = [...this.#files.difference(files)].filter(
      (path) => now - (this.#reachedAt.get(path) ?? 0) < tree.retention.graceMs,
    );
    expect(early).toEqual([]);
    this.#files = files;
  }
}

async function make(tree: CollectedTree, one: Step): Promise<void> {
  const { flow, channels, treeSource, clock } = tree.fixture;
  switch (one.do) {
    case 'publish':
      await tree.publish(one.repository, one.tag, one.text);
      break;
    case 'roll back': {
      const latest = (await flow.catalog.publications.latest('main'))?.serial ?? 0;
      const serial = Math.max(1, latest - one.by);
      const retained = await retainedSnapshots(treeSource, tree.tree.retention, clock);
      const accepted = await acceptRollback(flow, [tree.tree], { serial }, { name: 'tests' }).catch(
        (error: unknown) => error,
      );
      if (accepted instanceof Error) {
        const isRetained = retained.some((other) => other.serial === serial);
        expect([accepted, isRetained && !accepted.message.startsWith('nothing would change')]).toEqual([
          expect.objectContaining({ code: latest === 0 ? 'PUBLICATION_UNKNOWN' : 'CONFLICT' }),
          false,
        ]);
        break;
      }
      expect(retained.map((other) => other.serial)).toContain(serial);
      await runPromotion(
        flow,
        channels,
        (accepted as Awaited<ReturnType<typeof acceptRollback>>).promotion.id,
      );
      await tree.publisher.publishPending();
      break;
    }
    case 'collect': {
      const { reasons } = await tree.collect();
      expect(reasons.filter((reason) => reason.startsWith('nothing is freed'))).toEqual([]);
      break;
    }
    case 'say':
      await tree.collect({ dryRun: true });
      break;
    case 'refresh':
      await tree.publisher.refresh();
      break;
  }
}

test(`whatever is published, rolled back and collected, and whenever: ${RUNS} histories`, async () => {
  const history = fc.array(timed, { minLength: 8, maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      await using tree = await openCollected();
      await tree.push(REPOSITORIES, TEXTS);
      const promises = new Promises(tree);
      for (const { step: one, afterMs } of steps) {
        tree.pass(afterMs);
        await make(tree, one);
        await promises.hold();
      }
      await tree.publish('one', 'a', '1');
      for (let time = 0; time < 8; time++) {
        tree.pass(4 * DAY_MS);
        await tree.collect();
        await promises.hold();
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
