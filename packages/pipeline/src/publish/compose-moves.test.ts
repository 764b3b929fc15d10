import { randomUUID } from 'node:crypto';
import type { Promotion } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import { decodeReferrers, openTree, type TreeView, verifyTree } from '@gantry/tree';
import * as fc from 'fast-check';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { wholeDocument } from './compose-repository.ts';
import { composeWhole } from './compose-whole.ts';
import { type PublishContext, type PublishedTree, TreeState } from './published-tree.ts';
import { createPublisher } from './publisher.ts';
import { type Asked, histories, itemOf, putMade, type Step } from './random-history.fixture.ts';

const channel = { name: 'stable', prefix: '', publish: true };
const DAY_MS = 86_400_000;

class Died extends Error {}

/** A publisher that may die before any of its calls of catalog and tree, and does nothing more then. */
interface Mortal {
  readonly context: PublishContext;
  /** @param calls after how many it dies; Infinity: it does not @returns whether it has died */
  publish(calls: number, isFull: boolean): Promise<boolean>;
}

function openMortal({ flow, tree }: FlowFixture, maxMapEntries: number): Mortal {
  let left = Number.POSITIVE_INFINITY;
  const mortal = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value === 'function') {
          return (...parameters: unknown[]): unknown => {
            if (left-- <= 0) throw new Died(`before ${String(key)}`);
            return Reflect.apply(value, target, parameters);
          };
        }
        // Its leases are let go at once, as nobody is to wait for them.
        return typeof value === 'object' && value !== null && key !== 'leases' ? mortal(value) : value;
      },
    });
  const published: PublishedTree = { ...tree, target: mortal(tree.target), maxMapEntries };
  const { store, log, holder } = flow;
  const catalog = mortal(flow.catalog);
  const publisher = createPublisher({ catalog, store, log, holder, now: () => flow.now() }, published);
  return {
    context: { flow, tree: { ...tree, maxMapEntries }, state: new TreeState(tree) },
    async publish(calls, isFull) {
      left = calls;
      try {
        await (isFull ? publisher.publishAll() : publisher.publishPending());
        return false;
      } catch (error) {
        if (error instanceof Died) return true;
        throw error;
      }
    },
  };
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
  fixture.clock = new Date(fixture.clock.getTime() + (step.kind === 'wait' ? step.days * DAY_MS : 1000));
  if (step.kind === 'wait') return;
  if (step.kind === 'publish') for (const one of step.asked) await ask(fixture, one);
  const before = await openTree(fixture.treeSource);
  const calls = step.kind === 'publish' ? step.calls : Number.POSITIVE_INFINITY;
  const hasDied = await mortal.publish(calls, step.kind === 'full');
  const after = await openTree(fixture.treeSource);
  if (!hasDied && after !== undefined && after.digest !== before?.digest)
    await expectWhole(fixture, mortal.context, after);
}

async function expectWhole(fixture: FlowFixture, context: PublishContext, after: TreeView): Promise<void> {
  const { previous } = after.statement;
  const before =
    previous === null ? undefined : await openTree(fixture.treeSource, { serial: previous.serial });
  const document = await after.repositoryDigest('app');
  const whole = await wholeOf(fixture, context, before);
  // What is due in a part that was not looked at goes with a later publication.
  const kept = await wholeOf(fixture, context, before, Number.POSITIVE_INFINITY);
  expect([whole?.document.digest, kept?.document.digest]).toContain(document);
  const { parts = [] } = (document === whole?.document.digest ? whole : kept) ?? {};
  for (const { digest, bytes } of parts) expect(Buffer.compare(await after.document(digest), bytes)).toBe(0);
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
  calls: Number.POSITIVE_INFINITY,
};

test('a referrer that was let go while its subject stays is listed no more; what was left together is', async () => {
  await using fixture = await openFlow();
  await putMade(fixture.flow);
  const mortal = openMortal(fixture, 4096);
  const set = async (root: string, bits: number) => {
    const asked: Asked = { kind: 'set', tags: ['a'], root, with: bits };
    await take(fixture, mortal, { kind: 'publish', asked: [asked], calls: Number.POSITIVE_INFINITY });
    const view = await openTree(fixture.treeSource);
    const { manifests, referrers } = (await view?.repository('app')) ?? {};
    const list = referrers?.get(digestOf('i0'));
    const listed = list && decodeReferrers((await view?.document(list)) ?? new Uint8Array());
    return {
      stays: manifests?.has(digestOf('i0 sbom')),
      listed: listed?.map(({ digest }) => digest).toSorted(),
    };
  };
  const [first, second] = [digestOf('i0 sbom'), digestOf('i0 second sbom')];
  const both = 0b1010; // no companion; the sbom, without its own; the second one
  expect(await set('i0', both)).toEqual({ stays: true, listed: [first, second].toSorted() });
  expect(await set('i0', 0b100)).toEqual({ stays: true, listed: [second] });
  expect(await set('i3', 0)).toEqual({ stays: true, listed: [second] });
  expect(await set('i0', 0)).toEqual({ stays: true, listed: undefined });
});

test.each([1, 3, 4096])(
  'what became of tags gives, in parts of more than %i, to the byte what all tags give, whenever a publisher dies',
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
      { numRuns: Number(process.env['RUNS'] ?? 20), includeErrorInReport: true },
    );
  },
  600_000,
);
