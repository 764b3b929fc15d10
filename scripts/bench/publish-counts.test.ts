import { open } from 'node:fs/promises';
import path from 'node:path';
import { openCatalog, openCatalogTransfer } from '@gantry/catalog';
import {
  acceptPromotion,
  createPublisher,
  type Flow,
  openFilesystemTarget,
  type PublishedTree,
  RETENTION,
  runPromotion,
} from '@gantry/pipeline';
import { hasFiles, openStore } from '@gantry/store';
import { stepping } from '../../test/fixtures/stepping.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import { fillStore, nameAt } from './publish-content.ts';
import { layPublished } from './publish-tree.ts';

const DAY_MS = 86_400_000;
/** The first makes temporary folders and the like. */
const ROUNDS = 3;

/** What the publication of one tag has cost: calls of the catalog and of the tree by their names, and waits for the disk. */
type Costs = Readonly<Record<string, number>>;

/** Publishes one tag of a repository into a tree that is laid, and counts. */
async function costsOf(repositories: number, tags: number): Promise<Costs> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('publish-counts')).path;
  const [treeRoot, file] = [path.join(folder, 'tree'), path.join(folder, 'catalog.db')];
  const store = opened.use(await openStore({ filesystem: { root: path.join(folder, 'store') } }));
  if (!hasFiles(store)) throw new Error('the store has no files');
  fillStore((digest) => store.pathOf(digest), { repositories: 0, tags: 0 }, ROUNDS);
  {
    await using filling = await openCatalogTransfer({ sqlite: { file } }, 'target');
    await filling.load(layPublished(treeRoot, { repositories, tags }, ROUNDS, nameAt(0))());
  }
  const counts = new Map<string, number>();
  const count = (name: string) => void counts.set(name, (counts.get(name) ?? 0) + 1);
  const log = { debug() {}, info() {}, warn: () => count('warning'), error: () => count('error') };
  const flow: Flow = {
    catalog: stepping('catalog', opened.use(await openCatalog({ sqlite: { file } })), count),
    store,
    log,
    now: () => new Date(),
    holder: 'the test',
  };
  const tree: PublishedTree = {
    name: 'main',
    target: stepping('tree', await openFilesystemTarget(treeRoot, store), count),
    channels: [{ name: 'stable', prefix: '', publish: true }],
    keepUntaggedMs: 30 * DAY_MS,
    retention: RETENTION,
    refreshMs: DAY_MS,
  };
  const publisher = createPublisher(flow, tree);
  using _ = await countSyncs(() => count('sync'));
  for (let round = 0; round < ROUNDS; round++) {
    const items = [{ repository: nameAt(0), reference: `fresh-${round}`, tags: ['v1.0'] }];
    const { promotion } = await acceptPromotion(flow, tree.channels, { items, to: 'stable' }, { name: 'ci' });
    await runPromotion(flow, tree.channels, promotion.id);
    counts.clear();
    await publisher.publishPending();
  }
  return Object.fromEntries(counts);
}

/** Has each wait of a file or folder for the disk counted, until it is disposed of. */
async function countSyncs(count: () => void): Promise<Disposable> {
  await using handle = await open(import.meta.filename);
  const prototype = Object.getPrototypeOf(handle) as { sync: (this: typeof handle) => Promise<void> };
  const { sync } = prototype;
  prototype.sync = function counting() {
    count();
    return sync.call(this);
  };
  return {
    [Symbol.dispose]: () => {
      prototype.sync = sync;
    },
  };
}

const sum = (costs: Costs, of: string) =>
  Object.entries(costs).reduce((all, [name, count]) => (name.startsWith(of) ? all + count : all), 0);

test('one tag costs the same among 100 repositories and among 10,000, and about as much among 10,000 tags', async () => {
  const few = await costsOf(100, 2);
  const many = await costsOf(10_000, 2);
  const { sync: ofFew = 0, ...fewCalls } = few;
  const { sync: ofMany = 0, ...manyCalls } = many;
  expect(manyCalls).toEqual(fewCalls);
  // Some files may share a folder, which is synced once.
  expect(Math.abs(ofMany - ofFew)).toBeLessThanOrEqual(3);
  expect(sum(few, 'catalog.')).toBeLessThanOrEqual(32);

  const tags = await costsOf(1, 10_000);
  expect(sum(tags, 'catalog.')).toBe(sum(few, 'catalog.'));
  // The parts of its maps that hold the tag, two manifests, and three blobs.
  expect((tags['tree.putDocument'] ?? 0) - (few['tree.putDocument'] ?? 0)).toBeLessThanOrEqual(6);
  expect((tags['tree.source.read'] ?? 0) - (few['tree.source.read'] ?? 0)).toBeLessThanOrEqual(6);
  expect(sum(tags, 'catalog.channels.tagsOf')).toBe(0);
}, 120_000);
