import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, fullListPath, listPath, openTree } from '@gantry/tree';
import { createPublisher } from '../../publish/publisher.ts';
import { collectTree } from './collect-tree.ts';
import { type CollectedTree, DAY_MS, imageOf, openCollected, SHORT } from './collecting.fixture.ts';

const NOTHING = { objects: 0, bytes: 0 };
/** More than the grace, and than what keeps a snapshot for its age. */
const LONG_MS = 3 * DAY_MS;

/** A tree whose first serials are not retained any more. */
async function openAged(): Promise<CollectedTree> {
  const tree = await openCollected();
  for (const text of ['1', '2', '3']) {
    await tree.publish('app', 'latest', text);
    tree.pass(LONG_MS);
  }
  return tree;
}

const at = (tree: CollectedTree, path: string) => join(tree.fixture.root, 'tree', path);

async function put(tree: CollectedTree, path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(at(tree, path)), { recursive: true });
  await writeFile(at(tree, path), bytes);
}

/** Objects of the pool that are condemned. */
const condemnedOf = ({ fixture: { flow } }: CollectedTree) =>
  flow.catalog.pool.condemned('main', '9999-01-01T00:00:00.000Z', 1000);

const only = (some: ReadonlySet<string>, others: ReadonlySet<string>) => [...some.difference(others)];

test('a tree that nothing was published to has nothing to collect', async () => {
  await using tree = await openCollected();
  expect(await tree.collect()).toMatchObject({ retained: null, reasons: ['nothing is published yet'] });
});

test('what no retained snapshot reaches goes once it has been condemned for the grace, and not before', async () => {
  await using tree = await openAged();
  const [of1, before] = [await tree.pull(1), await tree.files()];
  const first = await tree.collect();
  expect(first).toMatchObject({ retained: { from: 2, to: 3, count: 2 }, removed: NOTHING });
  expect(first.condemned.objects).toBeGreaterThan(0);
  expect(first.waiting).toEqual({
    ...first.condemned,
    nextAt: new Date(tree.fixture.clock.getTime() + SHORT.graceMs).toISOString(),
  });
  tree.pass(SHORT.graceMs - 1);
  expect((await tree.collect()).removed).toEqual(NOTHING);
  expect(only(before, await tree.files())).toEqual([]);
  tree.pass(1);
  expect((await tree.collect()).removed).toEqual(first.condemned);
  expect(only(of1, await tree.files())).toHaveLength(first.condemned.objects);
  const { statement } = (await openTree(tree.fixture.treeSource))!;
  const list = await readFile(at(tree, listPath(statement.serial)), 'utf8');
  expect(list.split('\n').filter((line) => line.startsWith('- '))).toHaveLength(first.condemned.objects);
  for (const serial of [statement.serial - 1, statement.serial]) await tree.pull(serial);
  expect(await tree.findings()).toEqual([]);
});

test('in the end the disk holds just what retained snapshots reach', async () => {
  await using tree = await openAged();
  for (let time = 0; time < 4; time++) {
    await tree.collect();
    tree.pass(LONG_MS);
  }
  const report = await tree.collect();
  expect(report.removed).toEqual(NOTHING);
  const { serial } = (await openTree(tree.fixture.treeSource))!.statement;
  const reached = (await tree.pull(serial)).union(await tree.pull(serial - 1));
  expect(await tree.files()).toEqual(reached);
  expect(report).toMatchObject({ marked: reached.size, waiting: { ...NOTHING, nextAt: null } });
  expect(report.reasons).toEqual([
    expect.stringMatching(
      /^all \d+ objects of the pool are reached by what is retained, the serials \d+ to \d+ \(2\)/,
    ),
  ]);
});

test('a dry run says the same, and changes nothing', async () => {
  await using tree = await openAged();
  for (let time = 0; time < 3; time++) {
    await put(tree, blobPath(digestOf(randomBytes(8))), Buffer.alloc(100 + time));
    const [files, condemned] = [await tree.files(), await condemnedOf(tree)];
    const { serial } = (await openTree(tree.fixture.treeSource))!.statement;
    const said = await tree.collect({ dryRun: true });
    expect([await tree.files(), await condemnedOf(tree)]).toEqual([files, condemned]);
    expect((await openTree(tree.fixture.treeSource))!.statement.serial).toBe(serial);
    const done = await tree.collect();
    expect(said).toEqual({ ...done, retained: said.retained, marked: said.marked });
    tree.pass(LONG_MS);
  }
});

test('what is published again is condemned no more, and keeps its place', async () => {
  await using tree = await openAged();
  await tree.collect();
  expect((await condemnedOf(tree)).length).toBeGreaterThan(0);
  const { digest } = imageOf('1');
  await tree.publish('app', 'latest', '1');
  const app = await (await openTree(tree.fixture.treeSource))?.repository('app');
  expect(app?.manifests.get(digest)?.since).toBe(1);
  const condemned = new Set((await condemnedOf(tree)).map(({ path }) => path));
  const reached = await tree.pull(5);
  expect([...reached.intersection(condemned)]).toEqual([]);
  tree.pass(SHORT.graceMs);
  await tree.collect();
  await tree.pull(5);
  expect(await tree.findings()).toEqual([]);
});

test('what was removed and comes again has come anew', async () => {
  await using tree = await openAged();
  const { digest } = imageOf('1');
  for (let time = 0; time < 3; time++) {
    await tree.collect();
    tree.pass(LONG_MS);
  }
  await tree.publish('app', 'latest', '1');
  const view = await openTree(tree.fixture.treeSource);
  expect((await view?.repository('app'))?.manifests.get(digest)?.since).toBe(view?.statement.serial);
  expect(await tree.findings()).toEqual([]);
});

test.each([
  ['missing', (path: string) => rm(path)],
  [
    'damaged',
    async (path: string) => {
      await chmod(path, 0o644);
      await writeFile(path, '{}');
    },
  ],
])('a document of a retained snapshot that is %s stops it, and it says which', async (_, damage) => {
  await using tree = await openAged();
  const { files, serial } = { files: await tree.pull(2), serial: 2 };
  const document = only(files, await tree.pull(3)).find((path) => path.startsWith('pool/index/'))!;
  const bytes = await readFile(at(tree, document));
  await damage(at(tree, document));
  const report = await tree.collect();
  expect(report).toMatchObject({ marked: 0, condemned: NOTHING, removed: NOTHING, orphans: NOTHING });
  expect(report.reasons).toEqual([expect.stringMatching(new RegExp(`serial ${serial} .*${document}`))]);
  expect(await condemnedOf(tree)).toEqual([]);
  await rm(at(tree, document), { force: true });
  await writeFile(at(tree, document), bytes);
  expect((await tree.collect()).condemned.objects).toBeGreaterThan(0);
});

test('a snapshot that was collected is given up, though more are to be retained now', async () => {
  await using tree = await openAged();
  await tree.collect();
  tree.pass(LONG_MS);
  await tree.collect();
  const { flow } = tree.fixture;
  const retention = { ...SHORT, keepSnapshots: 100 };
  const report = await collectTree({ flow, tree: { ...tree.tree, retention } });
  expect(report.reasons.join()).toContain('serial 1 and maybe older ones');
  expect(report.retained?.from).toBe(2);
});

test('files that no list has go after a day; what is no file of a tree is told of', async () => {
  await using tree = await openCollected();
  tree.fixture.clock = new Date();
  await tree.publish('app', 'latest', '1');
  const orphan = blobPath(digestOf(randomBytes(8)));
  await put(tree, orphan, randomBytes(500));
  await put(tree, 'pool/blobs/notes.txt', randomBytes(10));
  const old = new Date(Date.now() - 10 * DAY_MS);
  await utimes(at(tree, orphan), old, old); // it counts when the file came here, not how old its bytes are
  expect((await tree.collect()).orphans).toEqual(NOTHING);
  tree.pass(DAY_MS + 10_000);
  const report = await tree.collect();
  expect(report.orphans).toEqual({ objects: 1, bytes: 500 });
  expect(report.reasons.join()).toContain('"pool/blobs/notes.txt"');
  const files = await tree.files();
  expect([files.has(orphan), files.has('pool/blobs/notes.txt')]).toEqual([false, true]);
  expect(only(await tree.pull(1), files)).toEqual([]);
});

test('lists stay for 90 days, and as long as a full list needs them; stray full lists go', async () => {
  await using tree = await openAged();
  tree.pass(80 * DAY_MS);
  await tree.publisher.refresh();
  await put(tree, fullListPath(1), Buffer.from('+\n'));
  await put(tree, listPath(99), Buffer.from('+\n'));
  expect((await tree.collect()).lists).toBe(1);
  tree.pass(2 * DAY_MS);
  await tree.publisher.refresh();
  expect((await tree.collect()).lists).toBe(1);
  const names = await Array.fromAsync(tree.fixture.tree.target.source.list?.('lists') ?? []);
  expect(names.map(({ path }) => path)).toEqual(expect.arrayContaining([listPath(2), listPath(3)]));
  expect(names.map(({ path }) => path)).not.toContain(listPath(1));
  await rm(at(tree, listPath(99)));
  expect(await tree.findings()).toEqual([]);
});

test('a promotion that finds the lease taken is published by the collection', async () => {
  await using tree = await openAged();
  const { fixture } = tree;
  fixture.upstream.push('other', imageOf('4'), '4');
  await fixture.sync();
  const id = await fixture.promote({ items: [{ repository: 'other', reference: '4' }], to: 'stable' });
  await tree.collect();
  expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe('done');
  expect(await tree.findings()).toEqual([]);
});

test('cut off before files are removed that have left the pool, the next one removes them', async () => {
  await using tree = await openAged();
  await tree.collect();
  tree.pass(LONG_MS);
  const { flow } = tree.fixture;
  const target = {
    ...tree.tree.target,
    removeAll: () => Promise.reject(new Error('the disk is gone')),
  };
  await expect(collectTree({ flow, tree: { ...tree.tree, target } })).rejects.toThrow('the disk is gone');
  expect((await tree.findings()).map((finding) => finding.split(' ')[0])).toContain('extra');
  const report = await tree.collect();
  expect(report.orphans.objects).toBeGreaterThan(0);
  expect(await tree.findings()).toEqual([]);
});

test('it ends when it is told to, and what is condemned by then stays so', async () => {
  await using tree = await openAged();
  const stop = new AbortController();
  const collecting = tree.collect({
    signal: stop.signal,
    onProgress: ({ step }) => {
      if (step === 'sweeping') stop.abort(new Error('enough'));
    },
  });
  await expect(collecting).rejects.toThrow('enough');
  expect((await condemnedOf(tree)).length).toBeGreaterThan(0);
});

test('manifests that are past their time leave also a repository that nobody touches', async () => {
  await using tree = await openCollected(SHORT, 5 * DAY_MS);
  await tree.publish('app', 'latest', '1');
  await tree.publish('app', 'latest', '2');
  const untagged = async () =>
    (await (await openTree(tree.fixture.treeSource))?.repository('app'))?.manifests.has(imageOf('1').digest);
  tree.pass(5 * DAY_MS);
  expect([(await tree.collect()).untagged, await untagged()]).toEqual([0, true]);
  tree.pass(1000);
  expect([(await tree.collect()).untagged, await untagged()]).toEqual([1, false]);
  expect((await tree.collect()).untagged).toBe(0);
  expect(await tree.findings()).toEqual([]);
});

test('a purge goes on as it does, also of what is condemned', async () => {
  await using tree = await openAged();
  await tree.collect();
  const { flow } = tree.fixture;
  const { digest } = imageOf('1');
  await createPublisher(flow, tree.tree).takeOut({ digest, manifests: new Set([digest]) });
  expect((await tree.files()).has([...(await tree.pull(3))][0]!)).toBe(true);
  expect((await condemnedOf(tree)).some(({ path }) => path.includes(digest.slice(7)))).toBe(false);
  tree.pass(LONG_MS);
  await tree.collect();
  expect(await tree.findings()).toEqual([]);
});
