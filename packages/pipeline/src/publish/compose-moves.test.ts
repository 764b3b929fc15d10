import { randomUUID } from 'node:crypto';
import type { Promotion } from '@gantry/catalog';
import { openTree, type TreeView, verifyTree } from '@gantry/tree';
import fc from 'fast-check';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { wholeDocument } from './compose-repository.ts';
import { composeWhole } from './compose-whole.ts';
import { type PublishContext, type PublishedTree, TreeState } from './published-tree.ts';
import { createPublisher } from './publisher.ts';
import { type Asked, histories, itemOf, putMade, type Step } from './random-history.fixture.ts';

const channel = { name: 'stable', prefix: '', publish: true };

/** A publisher whose process dies where it is told to, and how often it has read a whole channel. */
interface Mortal {
  readonly context: PublishContext;
  dies: boolean;
  wholes: number;
  publish(isFull?: boolean): Promise<void>;
}

function openMortal({ flow, tree }: FlowFixture, maxMapEntries: number): Mortal {
  const target = {
    ...tree.target,
    claim: async (serial: number, statement: Uint8Array) => {
      if (mortal.dies) throw new Error('it has died');
      return tree.target.claim(serial, statement);
    },
  };
  const channels = {
    ...flow.catalog.channels,
    tagsOf: async (...place: [string, string]) => {
      mortal.wholes++;
      return flow.catalog.channels.tagsOf(...place);
    },
  };
  const published: PublishedTree = { ...tree, target, maxMapEntries };
  const counted = { ...flow, catalog: { ...flow.catalog, channels }, now: () => flow.now() };
  const publisher = createPublisher(counted, published);
  const mortal: Mortal = {
    context: { flow, tree: published, state: new TreeState(published) },
    dies: false,
    wholes: 0,
    async publish(isFull = false) {
      const run = isFull ? publisher.publishAll() : publisher.publishPending();
      await run.catch((error: Error) => {
        if (error.message !== 'it has died') throw error;
      });
    },
  };
  return mortal;
}

async function ask({ flow }: FlowFixture, asked: Asked): Promise<void> {
  const promotion: Omit<Promotion, 'sequence' | 'revision'> = {
    id: randomUUID(),
    kind: asked.kind === 'set' ? 'promote' : 'retract',
    to: 'stable',
    state: 'publishing',
    atomic: false,
    items: [await itemOf(flow, 'stable', asked)],
    requestedBy: 'test',
    timeline: [],
    createdAt: flow.now().toISOString(),
  };
  await flow.catalog.promotions.create(promotion);
}

/** Takes a step, and holds what is published to what is composed from the whole channel. */
async function take(fixture: FlowFixture, mortal: Mortal, step: Step): Promise<void> {
  const before = await openTree(fixture.treeSource);
  fixture.clock = new Date(
    fixture.clock.getTime() + 1000 + (step.kind === 'wait' ? step.days * 86_400_000 : 0),
  );
  if (step.kind === 'wait') return;
  if (step.kind === 'publish') {
    for (const one of step.asked) await ask(fixture, one);
    mortal.dies = step.dies;
  }
  await mortal.publish(step.kind === 'full');
  const after = await openTree(fixture.treeSource);
  if (mortal.dies) expect(after?.digest).toBe(before?.digest);
  mortal.dies = false;
  if (after?.digest === before?.digest) return;

  const document = await after?.repositoryDigest('app');
  const whole = await wholeOf(fixture, mortal.context, before);
  // What is due in a part that was not looked at goes with a later publication.
  const kept = await wholeOf(fixture, mortal.context, before, Number.POSITIVE_INFINITY);
  expect([whole?.document.digest, kept?.document.digest]).toContain(document);
  const { parts = [] } = (document === whole?.document.digest ? whole : kept) ?? {};
  for (const { digest, bytes } of parts)
    expect(Buffer.compare((await after?.document(digest)) as Uint8Array, bytes)).toBe(0);
}

/** The repository's documents, composed from the whole channel and the tree as it was. */
async function wholeOf(
  { flow }: FlowFixture,
  context: PublishContext,
  before: TreeView | undefined,
  keepUntaggedMs = context.tree.keepUntaggedMs,
) {
  const tree = { ...context.tree, keepUntaggedMs };
  const composed = await composeWhole({ ...context, tree }, before, { channel, repository: 'app' });
  const whole = wholeDocument(composed, tree.maxMapEntries);
  const paths = whole.contents.map(({ path }) => path);
  const pool = await flow.catalog.pool.getAll('main', paths);
  return whole.encode((path) => pool.get(path)?.since ?? -1);
}

/** Whatever was left is published with it. */
const LAST: Step = {
  kind: 'publish',
  asked: [{ kind: 'set', tags: ['last'], root: 'i3', with: 0 }],
  dies: false,
};

test.each([1, 2, 5, 4096])(
  'what became of tags gives, in parts of more than %i, to the byte what all tags give',
  async (maxMapEntries) => {
    await fc.assert(
      fc.asyncProperty(histories, async (steps) => {
        await using fixture = await openFlow();
        await putMade(fixture.flow);
        const mortal = openMortal(fixture, maxMapEntries);
        for (const step of [...steps, LAST]) await take(fixture, mortal, step);
        const { findings } = await verifyTree(fixture.treeSource);
        expect(findings.filter(({ kind }) => kind !== 'extra')).toEqual([]); // of those who died
      }),
      { numRuns: 25, includeErrorInReport: true },
    );
  },
  120_000,
);
