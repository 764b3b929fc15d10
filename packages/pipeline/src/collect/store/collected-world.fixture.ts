import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Catalog, openCatalog, PROMOTION_ENDED } from '@gantry/catalog';
import { type Digest, Fault } from '@gantry/oci';
import { makeImage, makeLayer, type MadeManifest, type Registry } from '@gantry/registry';
import { openStore } from '@gantry/store';
import { openTree } from '@gantry/tree';
import type { Channel, Flow } from '../../context.ts';
import { acceptPromotion } from '../../promote/accept.ts';
import { acceptRollback } from '../../promote/rollback.ts';
import { runPromotion } from '../../promote/run-promotion.ts';
import { openFilesystemTarget } from '../../publish/filesystem-target.ts';
import type { PublishedTree } from '../../publish/published-tree.ts';
import { createPublisher } from '../../publish/publisher.ts';
import { ContentFetcher } from '../../sync/fetch-content.ts';
import { createSource } from '../../sync/source.ts';
import { syncSource } from '../../sync/sync-source.ts';
import { recordTask } from '../../work/create-task.ts';
import { runTask } from '../../work/run-task.ts';
import { collectTree } from '../tree/collect-tree.ts';
import { retainedSnapshots } from '../tree/retained-snapshots.ts';
import { collectStore } from './collect-store.ts';
import { rootsOf } from './roots-of.ts';
import { Steps } from './steps.fixture.ts';

export const GRACE_MS = 1000;
const CHANNELS: readonly Channel[] = [{ name: 'stable', prefix: '', publish: true }];
const REPOSITORY = 'app';
/** In memory, where there is such a place: thousands of worlds are made. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
/** Neighbours share a layer. */
export const IMAGES: readonly MadeManifest[] = [0, 1, 2, 3].map((n) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [layer(`shared ${Math.floor(n / 2)}`), layer(`own ${n}`)],
  }),
);
const BLOBS = new Map(
  IMAGES.flatMap((image) => [image, ...image.blobs]).map(({ digest, bytes }) => [digest, bytes]),
);

/** What somebody does. Images are named by their numbers. */
export type Act =
  | { readonly do: 'push'; readonly tag: string; readonly image: number }
  | { readonly do: 'sync' }
  | { readonly do: 'sync tag'; readonly tag: string }
  | { readonly do: 'promote'; readonly image: number; readonly as: string }
  | { readonly do: 'roll back'; readonly by: number }
  | { readonly do: 'publish' }
  | { readonly do: 'collect' }
  | { readonly do: 'collect tree' }
  | { readonly do: 'wait'; readonly ms: number };

/** The renewals of leases come with the clock, and not in any order; the pool's list is no promise. */
const isStep = (noun: string) => (method: string) =>
  noun !== 'leases' && !(noun === 'pool' && method === 'list');
const quiet = () => false;

/** The real parts, whose calls are steps; the source alone is a table. */
export class CollectedWorld implements AsyncDisposable {
  readonly steps = new Steps();
  /** What befell, over all acts. */
  readonly seen = { freed: 0, spared: 0, refused: 0, published: 0, fetchedAgain: 0 };
  readonly #root: string;
  readonly #real: Flow;
  readonly #flow: Flow;
  readonly #tree: PublishedTree;
  readonly #resources: AsyncDisposableStack;
  readonly #tags = new Map<string, number>();
  readonly #fetched = new Set<Digest>();
  #nowMs = Date.parse('2026-11-21T09:00:00.000Z');

  static async open(template: string): Promise<CollectedWorld> {
    const root = await mkdtemp(join(PLACE, 'gantry-collected-'));
    const resources = new AsyncDisposableStack();
    resources.defer(() => rm(root, { recursive: true, force: true }));
    await copyFile(template, join(root, 'catalog.db'));
    const catalog = resources.use(await openCatalog({ sqlite: { file: join(root, 'catalog.db') } }));
    const store = resources.use(await openStore({ filesystem: { root: join(root, 'store') } }));
    const target = await openFilesystemTarget(join(root, 'tree'), store);
    return new CollectedWorld(root, catalog, store, target, resources);
  }

  /** An empty catalog, to be copied: that is faster than to make one. */
  static async template(): Promise<{ readonly file: string } & AsyncDisposable> {
    const root = await mkdtemp(join(PLACE, 'gantry-collected-'));
    const file = join(root, 'catalog.db');
    const catalog = await openCatalog({ sqlite: { file } });
    await catalog[Symbol.asyncDispose]();
    return { file, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) };
  }

  private constructor(
    root: string,
    catalog: Catalog,
    store: Flow['store'],
    target: PublishedTree['target'],
    resources: AsyncDisposableStack,
  ) {
    this.#root = root;
    this.#resources = resources;
    const log = { debug() {}, info() {}, warn() {}, error() {} };
    this.#real = { catalog, store, log, now: () => new Date(this.#nowMs), holder: 'test' };
    const nouns = Object.entries(catalog).map(([name, noun]) => [
      name,
      typeof noun === 'object' ? this.steps.over(noun as object, isStep(name)) : noun,
    ]);
    this.#flow = {
      ...this.#real,
      catalog: Object.assign(Object.create(catalog) as Catalog, Object.fromEntries(nouns)),
      store: this.#storeInSteps(),
    };
    this.#tree = {
      name: 'main',
      target: { ...this.steps.over(target, quiet), source: this.steps.over(target.source, quiet) },
      channels: CHANNELS,
      keepUntaggedMs: 0,
      retention: { graceMs: GRACE_MS, keepSnapshots: 2, keepSnapshotsForMs: 0 },
      refreshMs: 86_400_000,
    };
    for (const [name, method] of Object.entries(target))
      if (typeof method === 'function')
        Object.assign(this.#tree.target, { [name]: this.steps.over(target, quiet)[name as 'settle'] });
  }

  /** Does what each of them does, one after the other; all of them by turns. */
  async run(
    actors: readonly (readonly Act[])[],
    pick: (waiting: readonly number[]) => number,
  ): Promise<void> {
    const work = actors.map((acts) => async () => {
      for (const act of acts) await this.#do(act);
    });
    await this.steps.run(work, pick);
  }

  async #do(act: Act): Promise<void> {
    switch (act.do) {
      case 'push':
        this.#tags.set(act.tag, act.image);
        break;
      case 'sync':
        await this.#sync();
        break;
      case 'sync tag':
        await this.#sync(act.tag);
        break;
      case 'promote':
        await this.#promote(act.image, act.as);
        break;
      case 'roll back':
        await this.#rollBack(act.by);
        break;
      case 'publish':
        await createPublisher(this.#flow, this.#tree).publishPending();
        break;
      case 'collect': {
        const { freed, spared } = await collectStore(this.#flow, {
          sources: [{ name: 'source', keep: { latest: 1 } }],
          trees: [this.#tree],
          graceMs: GRACE_MS,
        });
        this.seen.freed += freed.blobs;
        this.seen.spared += spared.blobs;
        break;
      }
      case 'collect tree':
        await collectTree({ flow: this.#flow, tree: this.#tree });
        break;
      case 'wait':
        this.#nowMs += act.ms;
    }
  }

  async #sync(tag?: string): Promise<void> {
    const flow = this.#flow;
    const rules = { name: 'source', repositories: [REPOSITORY], referrers: false };
    const source = createSource(rules, this.#registry());
    const { id } = await recordTask(flow, 'sync', { source: 'source' });
    await runTask(
      flow,
      id,
      async (_, progress, signal) => {
        const items = tag === undefined ? undefined : [{ sourceRepository: REPOSITORY, tags: [tag] }];
        const fetcher = new ContentFetcher(flow.catalog, flow.store);
        const { state, errors } = await syncSource(flow, source, fetcher, {
          id,
          progress,
          signal,
          ...(items === undefined ? {} : { items }),
        });
        if (state !== 'done') throw new Error(`a sync is ${state}: ${JSON.stringify(errors)}`);
        return { state, errors: [] };
      },
      new AbortController().signal,
    );
    const ended = await this.#real.catalog.tasks.get(id);
    if (ended?.state !== 'done') throw new Error(`a sync ended ${JSON.stringify(ended?.errors)}`);
  }

  async #promote(image: number, as: string): Promise<void> {
    const items = [{ repository: REPOSITORY, reference: IMAGES[image]?.digest ?? '', tags: [as] }];
    const { promotion } = await acceptPromotion(
      this.#flow,
      CHANNELS,
      { items, to: 'stable' },
      { name: 'test' },
    );
    await this.#finish(promotion.id);
  }

  async #rollBack(by: number): Promise<void> {
    const { items } = await this.#flow.catalog.publications.list('main', { limit: 10 });
    const serial = items[by]?.serial;
    if (serial === undefined) return;
    try {
      const { promotion } = await acceptRollback(this.#flow, [this.#tree], { serial }, { name: 'test' });
      await this.#finish(promotion.id);
    } catch (error) {
      if (!(error instanceof Fault && ['CONFLICT', 'PUBLICATION_UNKNOWN'].includes(error.code))) throw error;
    }
  }

  async #finish(id: string): Promise<void> {
    const ready = await runPromotion(this.#flow, CHANNELS, id);
    if (ready?.state === 'publishing') await createPublisher(this.#flow, this.#tree).publishPending();
    else this.seen.refused++;
    this.seen.published++;
  }

  #storeInSteps(): Flow['store'] {
    const { store } = this.#real;
    const { steps } = this;
    const inSteps = steps.over(store, (method) => method !== 'pathOf');
    return new Proxy(store, {
      get: (_, name) => {
        switch (name) {
          case 'pathOf':
            return (digest: Digest) => (store as unknown as { pathOf(one: Digest): string }).pathOf(digest);
          case 'list':
            return async function* (after?: Digest) {
              for await (const blob of store.list(after)) {
                yield blob;
              }
            };
          case 'write':
            return async (digest: Digest, size: number) => {
              const writer = await inSteps.write(digest, size);
              return new Proxy(writer, {
                get: (of, method) => {
                  const value: unknown = Reflect.get(of, method, of);
                  if (method === 'commit') return () => steps.over({ commit: () => of.commit() }).commit();
                  return typeof value === 'function' ? (value.bind(of) as unknown) : value;
                },
              });
            };
          case 'startRemoval':
            return async (lease: string, confirm: () => Promise<void>) => {
              const removal = await store.startRemoval(lease, confirm);
              const remove = steps.over({ remove: (digest: Digest) => removal.remove(digest) });
              return {
                remove: (digest: Digest) => remove.remove(digest),
                quarantine: (digest: Digest) => removal.quarantine(digest),
                [Symbol.asyncDispose]: () => removal[Symbol.asyncDispose](),
              };
            };
          default:
            return Reflect.get(inSteps, name) as unknown;
        }
      },
    });
  }

  /** The source: each tag is an image. */
  #registry(): Registry {
    const imageOf = (reference: string) =>
      IMAGES[this.#tags.get(reference) ?? IMAGES.findIndex(({ digest }) => digest === reference)];
    const tags = this.#tags;
    const asked = this.steps.over({
      head: async (_: string, reference: string) => {
        const image = imageOf(reference);
        return image && { digest: image.digest, mediaType: image.mediaType, size: image.size };
      },
      manifest: async (_: string, reference: string) => {
        const image = imageOf(reference);
        if (image === undefined) throw new Fault('MANIFEST_UNKNOWN', `there is no ${reference}`);
        return { bytes: image.bytes, digest: image.digest, contentType: image.mediaType };
      },
      blob: async (_: string, digest: Digest, from = 0) => {
        const bytes = BLOBS.get(digest);
        if (bytes === undefined) throw new Fault('BLOB_UNKNOWN', `there is no ${digest}`);
        if (this.#fetched.has(digest)) this.seen.fetchedAgain++;
        this.#fetched.add(digest);
        return { offset: from, body: Readable.from([Buffer.from(bytes.subarray(from))]) };
      },
    });
    return {
      name: 'source',
      url: 'http://source',
      head: (repository, reference) => asked.head(repository, reference),
      manifest: (repository, reference) => asked.manifest(repository, reference),
      blob: (repository, digest, from) => asked.blob(repository, digest, from),
      async *repositories() {
        yield REPOSITORY;
      },
      async *tags() {
        yield* tags.keys();
      },
      referrers: async () => [],
      foreign: () => Promise.reject(new Error('there are no foreign layers')),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  /** What a kept candidate, a tag in a channel, an open promotion or a retained snapshot lacks. */
  async lost(): Promise<string[]> {
    const { catalog, store } = this.#real;
    const lost: string[] = [];
    const mustHave = async (whose: string, digest: Digest) => {
      const image = IMAGES.find((one) => one.digest === digest);
      if (image === undefined) throw new Error(`${digest} is no image`);
      if ((await catalog.manifests.get(digest)) === undefined) lost.push(`${whose}: the record of ${digest}`);
      for (const blob of [image, ...image.blobs])
        if ((await store.stat(blob.digest)) === undefined) lost.push(`${whose}: ${blob.digest}`);
    };
    for (const candidate of (await catalog.candidates.list({ limit: 100 })).items)
      for (const root of rootsOf(candidate)) await mustHave(`the candidate ${candidate.tag}`, root);
    for (const channel of await catalog.channels.names())
      for (const tag of await catalog.channels.tagsOf(channel, REPOSITORY))
        for (const root of rootsOf(tag)) await mustHave(`${channel}:${tag.tag}`, root);
    for (const promotion of (await catalog.promotions.list({ limit: 100 })).items) {
      if (PROMOTION_ENDED.includes(promotion.state)) continue;
      for (const item of promotion.items)
        if (item.state === 'accepted') for (const root of rootsOf(item)) await mustHave('a promotion', root);
    }
    const { source } = this.#tree.target;
    for (const { serial } of await retainedSnapshots(source, this.#tree.retention, this.#real.now())) {
      const view = await openTree(source, { serial });
      const document = await view?.repository(REPOSITORY);
      for (const digest of document?.manifests.keys() ?? []) await mustHave(`serial ${serial}`, digest);
    }
    return lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
    await rm(this.#root, { recursive: true, force: true });
  }
}
