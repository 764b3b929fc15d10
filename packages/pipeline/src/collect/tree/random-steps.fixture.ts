import { readStatement } from '@gantry/tree';
import { type Arbitrary, constant, constantFrom, nat, oneof, record } from 'fast-check';
import { acceptRollback } from '../../promote/rollback.ts';
import { runPromotion } from '../../promote/run-promotion.ts';
import { type CollectedTree, DAY_MS, HOUR_MS, SHORT } from './collecting.fixture.ts';
import { retainedSnapshots } from './retained-snapshots.ts';

export const REPOSITORIES = ['one', 'two'];
const TAGS = ['a', 'b'];
export const TEXTS = ['1', '2', '3', '4'];

type Step =
  | { readonly do: 'publish'; readonly repository: string; readonly tag: string; readonly text: string }
  | { readonly do: 'roll back'; readonly by: number }
  | { readonly do: 'collect' }
  | { readonly do: 'say' }
  | { readonly do: 'refresh' };

/** A step, and how long after the one before it. */
export interface Timed {
  readonly step: Step;
  readonly afterMs: number;
}

const step: Arbitrary<Step> = oneof(
  {
    weight: 5,
    arbitrary: record({
      do: constant('publish' as const),
      repository: constantFrom(...REPOSITORIES),
      tag: constantFrom(...TAGS),
      text: constantFrom(...TEXTS),
    }),
  },
  { weight: 2, arbitrary: record({ do: constant('roll back' as const), by: nat(6) }) },
  { weight: 5, arbitrary: constant<Step>({ do: 'collect' }) },
  { weight: 1, arbitrary: constantFrom<Step>({ do: 'say' }, { do: 'refresh' }) },
);

export const timed: Arbitrary<Timed> = record({
  step,
  afterMs: oneof(nat(HOUR_MS), nat(DAY_MS), nat(4 * DAY_MS), constant(SHORT.graceMs)),
});

/** What a tree must keep to whatever is done with it: each snapshot that is retained is whole, too, or `broken` throws. */
export class Promises {
  readonly #tree: CollectedTree;
  /** When each object was reached last by a snapshot that was retained then. */
  readonly #reachedAt = new Map<string, number>();
  #files: ReadonlySet<string> = new Set();

  constructor(tree: CollectedTree) {
    this.#tree = tree;
  }

  /** @returns what is not as promised */
  async broken(): Promise<readonly string[]> {
    const { fixture, tree } = this.#tree;
    const now = fixture.clock.getTime();
    for (const { serial } of await retainedSnapshots(fixture.treeSource, tree.retention, fixture.clock))
      for (const path of await this.#tree.pull(serial)) this.#reachedAt.set(path, now);
    // Before the first publication all is missing; and a statement may have run out, as nobody publishes.
    const found = (await this.#tree.findings()).filter((finding) => !finding.startsWith('expired'));
    const isPublished = (await readStatement(fixture.treeSource)) !== undefined;
    const files = await this.#tree.files();
    const early = [...this.#files.difference(files)].filter(
      (path) => now - (this.#reachedAt.get(path) ?? 0) < tree.retention.graceMs,
    );
    this.#files = files;
    return [...(isPublished ? found : []), ...early.map((path) => `${path} went before its time`)];
  }
}

export async function make(tree: CollectedTree, one: Step): Promise<void> {
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
