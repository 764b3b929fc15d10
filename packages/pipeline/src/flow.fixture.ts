import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import {
  createInProcessRegistry,
  type InProcessOptions,
  type InProcessRegistry,
  openRegistry,
} from '@gantry/registry';
import { openStore } from '@gantry/store';
import type { TreeSource } from '@gantry/tree';
import type { Channel, Flow, Log } from './context.ts';
import { acceptPromotion } from './promote/accept.ts';
import type { PlanRequest, PromotionRequest } from './promote/request.ts';
import { runPromotion } from './promote/run-promotion.ts';
import { openFilesystemTarget } from './publish/filesystem-target.ts';
import { type PublishedTree, RETENTION } from './publish/published-tree.ts';
import { createPublisher, type Publisher } from './publish/publisher.ts';
import { MAIN_TREE, shareOut, treeOf } from './publish/trees.ts';
import { ContentFetcher } from './sync/fetch-content.ts';
import { Progress } from './sync/progress.ts';
import { createSource, type SourceRules } from './sync/source.ts';
import { type SyncOutcome, type SyncRequest, syncSource } from './sync/sync-source.ts';

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** The real parts on a temporary folder: registry, store, catalog and tree, for tests of the flow. */
export interface FlowFixture extends AsyncDisposable {
  readonly root: string;
  readonly upstream: InProcessRegistry;
  readonly flow: Flow;
  readonly channels: readonly Channel[];
  /** The main one. */
  readonly tree: PublishedTree;
  /** All, the main one first: `tree` in the folder, and each that a channel names, as `trees/NAME`. */
  readonly trees: readonly PublishedTree[];
  readonly treeSource: TreeSource;
  readonly publisher: Publisher;
  readonly publishers: readonly Publisher[];
  /** What the flow takes as the time; it stands still unless it is set. */
  clock: Date;
  sync(request?: Partial<SyncRequest>, rules?: Partial<SourceRules>): Promise<SyncOutcome>;
  /** Accepts and runs a promotion up to where it waits for the publisher. @returns its id */
  promote(request: PromotionRequest | PlanRequest): Promise<string>;
}

const CHANNELS: readonly Channel[] = [
  { name: 'testing', prefix: 'testing/', publish: true },
  { name: 'stable', prefix: '', publish: true },
  { name: 'release', prefix: 'release/', from: 'stable', publish: true },
  { name: 'private', prefix: 'private/', publish: false },
];

/** @param channels absent: testing, stable, release which takes from stable, and private which is in no tree */
export async function openFlow(
  options: InProcessOptions = {},
  channels: readonly Channel[] = CHANNELS,
): Promise<FlowFixture> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-flow-'));
  const upstream = createInProcessRegistry(options);
  const listening = await upstream.listen();
  const registry = openRegistry({ name: 'candidates', url: listening.url });
  const catalog = await openCatalog({ sqlite: { file: join(root, 'catalog.db') } });
  const store = await openStore({ filesystem: { root: join(root, 'store') } });
  const fixture = { clock: new Date('2026-11-21T09:00:00.000Z') };
  const flow: Flow = { catalog, store, log: silent, now: () => fixture.clock, holder: 'test' };
  const further = [...new Set(channels.map(treeOf))].filter((name) => name !== MAIN_TREE);
  const trees: PublishedTree[] = [];
  for (const share of shareOut(further, channels)) {
    const folder = share.name === MAIN_TREE ? 'tree' : `trees/${share.name}`;
    trees.push({
      ...share,
      target: await openFilesystemTarget(join(root, folder), store),
      keepUntaggedMs: 30 * 86_400_000,
      retention: RETENTION,
      refreshMs: 86_400_000,
    });
  }
  const publishers = trees.map((one) => createPublisher(flow, one));
  const [tree, publisher] = [trees[0] as PublishedTree, publishers[0] as Publisher];
  const fetcher = new ContentFetcher(catalog, store);
  return Object.assign(fixture, {
    root,
    upstream,
    flow,
    channels,
    tree,
    trees,
    treeSource: tree.target.source,
    publisher,
    publishers,
    sync: (request: Partial<SyncRequest> = {}, rules: Partial<SourceRules> = {}) =>
      syncSource(
        flow,
        createSource({ name: 'candidates', repositories: ['**'], referrers: true, ...rules }, registry),
        fetcher,
        {
          id: 'test',
          progress: new Progress(),
          signal: new AbortController().signal,
          ...request,
        },
      ),
    async promote(request: PromotionRequest | PlanRequest) {
      const { promotion } = await acceptPromotion(flow, channels, request, { name: 'tester' });
      await runPromotion(flow, channels, promotion.id);
      return promotion.id;
    },
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await listening[Symbol.asyncDispose]();
      await catalog[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  });
}
