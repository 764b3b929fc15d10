import { type Candidate, type Catalog, PROMOTION_ENDED, PROMOTION_STATES } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import { allPages } from '../../take-back/all-pages.ts';
import { TreeMark } from '../tree/mark.ts';
import { KeptCandidates } from './keep-candidates.ts';
import { rootsOf } from './roots-of.ts';
import type { CollectStoreOptions, KeptFor } from './store-collection.ts';
import { StoreMark } from './store-mark.ts';

const ROOTS_AT_ONCE = 500;
const LOOKS_AT_ONCE = 8;
const OPEN = PROMOTION_STATES.filter((state) => !PROMOTION_ENDED.includes(state));

/** What is reached, and by what. */
export interface MarkedStore {
  readonly mark: StoreMark;
  readonly trees: readonly TreeMark[];
  readonly candidates: {
    readonly kept: number;
    readonly givenUp: number;
    /** Of those that are kept: they are of sources without `keep`. */
    readonly forGood: number;
  };
}

/**
 * Marks all that is to stay. What moves meanwhile moves from what is read first to what is read later, and is seen there:
 * a candidate becomes a promotion, that a tag in a channel, that a name in a tree.
 * @throws Fault of the tree, where a retained snapshot can't be read: nobody can tell then what it names
 */
export async function markStore(flow: Flow, options: CollectStoreOptions): Promise<MarkedStore> {
  const { catalog } = flow;
  const { signal, onProgress } = options;
  const mark = new StoreMark(flow, (blobs) => onProgress?.({ step: 'marking', blobs, bytes: 0 }), signal);
  const candidates = await markCandidates(flow, options, mark);
  await reachAll(mark, rootsOfPlans(flow), 'plans');
  await reachAll(mark, rootsOfPromotions(catalog), 'promotions');
  await reachAll(mark, rootsOfChannels(catalog), 'channels');
  const trees: TreeMark[] = [];
  for (const tree of options.trees)
    trees.push(await TreeMark.take({ flow, tree }, signal === undefined ? {} : { signal }));
  return { mark, trees, candidates };
}

async function markCandidates(
  flow: Flow,
  { sources, dryRun = false, signal }: CollectStoreOptions,
  mark: StoreMark,
): Promise<MarkedStore['candidates']> {
  const { candidates } = flow.catalog;
  const rules = new Map(
    sources.flatMap(({ name, keep }) => (keep === undefined ? [] : [[name, keep] as const])),
  );
  const decided = new KeptCandidates(rules, flow.now());
  const inUse = rules.size === 0 ? new Set<string>() : await imagesInUse(flow);
  const count = { kept: 0, givenUp: 0, forGood: 0 };
  let cursor: string | null = null;
  do {
    signal?.throwIfAborted();
    const page = await candidates.list({ limit: ROOTS_AT_ONCE, ...(cursor === null ? {} : { cursor }) });
    const givenUp: Candidate[] = [];
    const old = page.items.filter((candidate) => !decided.keeps(candidate));
    await forEachConcurrently(old, LOOKS_AT_ONCE, async (candidate) => {
      if (!inUse.has(imageOf(candidate)) && !(await isInChannel(flow.catalog, candidate)))
        givenUp.push(candidate);
    });
    if (!dryRun && givenUp.length > 0) await candidates.collect(givenUp, flow.now().toISOString());
    const kept = page.items.filter((candidate) => !givenUp.includes(candidate));
    await mark.reach(kept.flatMap(rootsOf), 'candidates');
    count.kept += kept.length;
    count.givenUp += givenUp.length;
    count.forGood += kept.filter(({ source }) => !rules.has(source)).length;
    cursor = page.next;
  } while (cursor !== null);
  return count;
}

/** What plans that can be applied and open promotions use: such a candidate is not given up. */
async function imagesInUse(flow: Flow): Promise<Set<string>> {
  const used = new Set<string>();
  for await (const plan of unexpiredPlans(flow)) for (const item of plan.items) used.add(imageOf(item));
  for (const { items } of await flow.catalog.promotions.inStates(OPEN))
    for (const item of items) used.add(imageOf(item));
  return used;
}

function imageOf({ repository, digest }: { readonly repository: string; readonly digest: Digest | null }) {
  return `${repository}@${digest ?? ''}`;
}

async function isInChannel({ channels }: Catalog, { digest, repository }: Candidate): Promise<boolean> {
  for await (const tag of allPages((page) => channels.holding(digest, page)))
    if (tag.repository === repository && tag.digest === digest) return true;
  return false;
}

async function reachAll(mark: StoreMark, roots: AsyncIterable<Digest>, what: KeptFor): Promise<void> {
  let some: Digest[] = [];
  for await (const root of roots) {
    some.push(root);
    if (some.length < ROOTS_AT_ONCE) continue;
    await mark.reach(some, what);
    some = [];
  }
  await mark.reach(some, what);
}

async function* rootsOfPlans(flow: Flow): AsyncGenerator<Digest> {
  for await (const { items } of unexpiredPlans(flow)) for (const item of items) yield* rootsOf(item);
}

function unexpiredPlans({ catalog, now }: Flow) {
  const after = now().toISOString();
  return allPages((page) => catalog.plans.list({ ...page, after }));
}

async function* rootsOfPromotions({ promotions }: Catalog): AsyncGenerator<Digest> {
  for (const { items } of await promotions.inStates(OPEN))
    for (const item of items) if (item.state !== 'refused') yield* rootsOf(item);
}

async function* rootsOfChannels({ channels }: Catalog): AsyncGenerator<Digest> {
  for (const channel of await channels.names())
    for await (const repository of allPages((page) => channels.repositories(channel, page)))
      for (const tag of await channels.tagsOf(channel, repository)) yield* rootsOf(tag);
}
