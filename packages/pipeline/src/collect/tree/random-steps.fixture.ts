import { readStatement } from '@gantry/tree';
import { type Arbitrary, constant, constantFrom, nat, oneof, record } from 'fast-check';
import { acceptRollback } from '../../promote/rollback.ts';
import { runPromotion } from '../../promote/run-promotion.ts';
import { type CollectedTree, DAY_MS, HOUR_MS, SHORT } from './collecting.fixture.ts';
import { retainedSnapshots } from './retained-snapshots.ts';

export const REPOSITORIES = ['one', 'two'];
const TAGS = ['a', 'b'];
export const TEXTS = ['1', '2', '3', '4'];

/** An image to be published. */
interface Image {
  readonly repository: string;
  readonly tag: string;
  readonly text: string;
}

type Step =
  | ({ readonly do: 'publish' } & Image)
  | ({ readonly do: 'publish in a collection' } & Image)
  | { readonly do: 'roll back'; readonly by: number }
  | { readonly do: 'collect' }
  | { readonly do: 'say' }
  | { readonly do: 'refresh' };

/** A step, and how long after the one before it. */
export interface Timed {
  readonly step: Step;
  readonly afterMs: number;
}

const image = {
  repository: constantFrom(...REPOSITORIES),
  tag: constantFrom(...TAGS),
  text: constantFrom(...TEXTS),
};

const step: Arbitrary<Step> = oneof(
  { weight: 5, arbitrary: record({ do: constant('publish' as const), ...image }) },
  { weight: 2, arbitrary: record({ do: constant('publish in a collection' as const), ...image }) },
  { weight: 2, arbitrary: record({ do: constant('roll back' as const), by: nat(6) }) },
  { weight: 4, arbitrary: constant<Step>({ do: 'collect' }) },
  { weight: 1, arbitrary: constantFrom<Step>({ do: 'say' }, { do: 'refresh' }) },
);

export const timed: Arbitrary<Timed> = record({
  step,
  afterMs: oneof(nat(HOUR_MS), nat(DAY_MS), nat(4 * DAY_MS), constant(SHORT.graceMs)),
});

/** What a tree must keep to whatever is done with it: what is retained is whole, or `broken` throws. */
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
    const wrong: string[] = [];
    const retained = await retainedSnapshots(fixture.treeSource, tree.retention, fixture.clock);
    for (const [newer, { serial }] of retained.entries()) {
      const reached = await this.#tree.pull(serial);
      for (const path of reached) this.#reachedAt.set(path, now);
      if (newer > 0) continue;
      const condemned = await fixture.flow.catalog.pool.condemned('main', '9999', 10_000);
      wrong.push(
        ...condemned.filter(({ path }) => reached.has(path)).map(({ path }) => `${path} is condemned`),
      );
    }
    // Before the first publication all is missing; and a statement may have run out, as nobody publishes.
    const found = (await this.#tree.findings()).filter((finding) => !finding.startsWith('expired'));
    const isPublished = (await readStatement(fixture.treeSource)) !== undefined;
    const files = await this.#tree.files();
    const early = [...this.#files.difference(files)].filter(
      (path) => now - (this.#reachedAt.get(path) ?? 0) < tree.retention.graceMs,
    );
    this.#files = files;
    return [...wrong, ...(isPublished ? found : []), ...early.map((path) => `${path} went before its time`)];
  }
}

export async function make(tree: CollectedTree, one: Step): Promise<void> {
  const { flow, channels, treeSource, clock } = tree.fixture;
  switch (one.do) {
    case 'publish':
      await tree.publish(one.repository, one.tag, one.text);
      break;
    case 'publish in a collection':
      await tree.collect({}, () => tree.publish(one.repository, one.tag, one.text));
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
