import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '@gantry/catalog';
import { type Digest, digestOf, Fault } from '@gantry/oci';
import { type BlobStore, type FileBlobs, hasFiles } from '@gantry/store';
import { makeImage, makeIndex, makeLayer, makeSbom } from '@gantry/registry';
import { blobPath, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../../flow.fixture.ts';
import { publisherWithLayouts, startLayoutFollower } from '../../layouts/layout-follower.ts';
import { openLayouts } from '../../layouts/layouts.ts';
import type { SyncItem } from '../../sync/sync-source.ts';
import { recordTask } from '../../work/create-task.ts';
import { runTask } from '../../work/run-task.ts';
import { runScrub } from './run-scrub.ts';
import type { ScrubState } from './scrub-state.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const image = (text: string) => makeImage({ platform: amd64, layers: [layer('base'), layer(text)] });

const filesOf = ({ flow }: FlowFixture): BlobStore & FileBlobs => {
  if (!hasFiles(flow.store)) throw new Error('the store has files');
  return flow.store;
};

/** Flips a bit in place, as a disk does. */
async function flip(path: string): Promise<void> {
  await chmod(path, 0o644);
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
  await writeFile(path, bytes);
  await chmod(path, 0o444);
}

const unanswered = () => Promise.reject(new Fault('UNAVAILABLE', 'the disk does not answer'));

/** What a sync comes to whose source does not answer. */
const FAILED = { state: 'failed' } as const;

/** A scrub's task, which is run as often as it wants to be, with the syncs that it asks for. */
async function openScrub(fixture: FlowFixture, onTreeChanged?: () => void) {
  const { flow, tree } = fixture;
  const { id } = await recordTask(flow, 'scrub', {});
  const asked: Task[] = [];
  const changed: string[] = [];
  const scrubbing = {
    flow,
    trees: [tree],
    bytesPerSecond: 1e9,
    onTreeChanged: (name: string) => {
      changed.push(name);
      onTreeChanged?.();
    },
    startSync: async (parameters: Task['parameters']) => {
      const task = await recordTask(flow, 'sync', parameters);
      asked.push(task);
      return task.id;
    },
  };
  const get = async () => {
    const task = await flow.catalog.tasks.get(id);
    if (task === undefined) throw new Error('the task is known');
    return { ...task, result: task.result as unknown as ScrubState | undefined };
  };
  return {
    asked,
    changed,
    get,
    async run(stop = new AbortController().signal) {
      await runTask(flow, id, (task, progress, signal) => runScrub(scrubbing, task, progress, signal), stop);
      return get();
    },
    async sync(isDown = false) {
      for (const { id: sync, parameters } of asked.splice(0)) {
        const outcome = isDown ? FAILED : await fixture.sync({ items: parameters['items'] as SyncItem[] });
        const task = await flow.catalog.tasks.get(sync);
        if (task !== undefined) await flow.catalog.tasks.replace({ ...task, state: outcome.state });
      }
    },
  };
}

/** An index of two images with an SBOM, in the channel stable and in the tree. */
async function openPublished(): Promise<FlowFixture> {
  const fixture = await openFlow();
  const index = makeIndex([image('1'), image('2')]);
  fixture.upstream.push('app', index, '1');
  fixture.upstream.push('app', makeSbom(index, 'sbom'));
  await fixture.sync();
  await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
  await fixture.publisher.publishPending();
  return fixture;
}

const findingsOf = async ({ treeSource }: FlowFixture) =>
  (await verifyTree(treeSource, { deep: true })).findings.map(({ kind, path }) => `${kind} ${path}`);

describe('a scrub', () => {
  test('of a store that is whole reads all of it and changes nothing', async () => {
    await using fixture = await openPublished();
    const scrub = await openScrub(fixture);
    const blobs = await Array.fromAsync(fixture.flow.store.list());
    const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
    expect(await scrub.run()).toMatchObject({
      state: 'done',
      errors: [],
      progress: { blobs: blobs.length, bytes },
      result: { isThrough: true, damaged: [] },
    });
    expect(await Array.fromAsync(fixture.flow.store.list())).toEqual(blobs);
  });

  test('moves a damaged layer aside, fetches it again alone, and puts it into the tree as a new file', async () => {
    await using fixture = await openPublished();
    const store = filesOf(fixture);
    const { digest } = layer('1');
    await flip(store.pathOf(digest));
    expect(await findingsOf(fixture)).toHaveLength(1); // they share their bytes
    const scrub = await openScrub(fixture);
    const waiting = await scrub.run();
    expect(waiting).toMatchObject({
      state: 'running',
      result: { isThrough: true, damaged: [{ digest, state: 'fetching' }] },
    });
    const aside = waiting.result?.damaged[0]?.aside ?? '';
    expect(aside).toContain('quarantine');
    expect(digestOf(await readFile(aside))).not.toBe(digest);
    expect(await store.stat(digest)).toBeUndefined();
    const id = await fixture.promote({
      items: [{ repository: 'app', reference: '1', tags: ['x'] }],
      to: 'stable',
    });
    const refused = await fixture.flow.catalog.promotions.get(id);
    expect(refused?.state).toBe('failed');
    expect(refused?.items[0]?.problem?.detail).toContain(`${digest}, which the manifest`);

    fixture.upstream.forgetRequests();
    await scrub.sync();
    const gets = fixture.upstream.requests.filter(
      ({ method, path }) => method === 'GET' && path.includes('/blobs/'),
    );
    expect(gets.map(({ path }) => path)).toEqual([`/v2/app/blobs/${digest}`]);
    expect(await scrub.run()).toMatchObject({ state: 'done', result: { damaged: [{ state: 'repaired' }] } });
    expect(await findingsOf(fixture)).toEqual([]);
    const inTree = join(fixture.root, 'tree', blobPath(digest));
    expect((await stat(inTree)).ino).toBe((await stat(store.pathOf(digest))).ino);
    expect((await stat(inTree)).ino).not.toBe((await stat(aside)).ino);
    expect(scrub.changed).toEqual(['main']);
  });

  test('has the layouts of a tree that it has mended looked through', async () => {
    await using fixture = await openPublished();
    const { flow, root } = fixture;
    const layouts = await openLayouts(flow, {
      tree: 'main',
      treeRoot: join(root, 'tree'),
      layouts: ['registry'],
      root: join(root, 'layouts'),
    });
    await using follower = startLayoutFollower(layouts, flow.log, false);
    const publisher = publisherWithLayouts(fixture.publisher, follower);
    await layouts.follow();
    const { digest } = layer('1');
    const inLayout = join(root, 'layouts/registry/v2/app/blobs', digest);
    await flip(filesOf(fixture).pathOf(digest));
    expect(digestOf(await readFile(inLayout))).not.toBe(digest);
    const scrub = await openScrub(fixture, () => publisher.filesChanged());
    await scrub.run();
    await scrub.sync();
    expect((await scrub.run()).state).toBe('done');
    await follower.settled();
    expect(digestOf(await readFile(inLayout))).toBe(digest);
  });

  test('also brings back a damaged manifest, index, config and referrer', async () => {
    await using fixture = await openPublished();
    const index = makeIndex([image('1'), image('2')]);
    const damaged = [index, image('1'), ...image('2').blobs.slice(0, 1), makeSbom(index, 'sbom')].map(
      (one) => one.digest,
    );
    for (const digest of damaged) await flip(filesOf(fixture).pathOf(digest));
    const scrub = await openScrub(fixture);
    expect((await scrub.run()).result?.damaged.map(({ digest }) => digest).toSorted()).toEqual(
      damaged.toSorted(),
    );
    await scrub.sync();
    expect((await scrub.run()).state).toBe('done');
    expect(await findingsOf(fixture)).toEqual([]);
    const again = await openScrub(fixture);
    expect((await again.run()).result?.damaged).toEqual([]);
  });

  test('brings back what the tag at the source means no more', async () => {
    await using fixture = await openPublished();
    fixture.upstream.push('app', image('newer'), '1');
    await fixture.sync();
    await flip(filesOf(fixture).pathOf(layer('2').digest));
    const scrub = await openScrub(fixture);
    await scrub.run();
    await scrub.sync();
    expect((await scrub.run()).state).toBe('done');
    expect((await fixture.flow.catalog.candidates.current('app', '1'))?.digest).toBe(image('newer').digest);
  });

  test('names what no source has any more', async () => {
    await using fixture = await openFlow();
    const bytes = Buffer.from('of nobody');
    const digest: Digest = digestOf(bytes);
    const writer = await fixture.flow.store.write(digest, bytes.length);
    await writer.append(bytes);
    await writer.commit();
    await flip(filesOf(fixture).pathOf(digest));
    const scrub = await openScrub(fixture);
    const ended = await scrub.run();
    expect(ended).toMatchObject({ state: 'partial', result: { damaged: [{ state: 'lost' }] } });
    expect(ended.errors[0]?.problem.detail).toContain(`the blob ${digest} was damaged in the store`);
  });

  test('fetches a published blob again, later each time, while its source is down', async () => {
    await using fixture = await openPublished();
    const store = filesOf(fixture);
    const { digest } = layer('1');
    await flip(store.pathOf(digest));
    const scrub = await openScrub(fixture);
    await scrub.run();
    await scrub.sync(true);
    const waiting = await scrub.run();
    expect(waiting).toMatchObject({
      state: 'running',
      result: { damaged: [{ state: 'fetching', rounds: 1, againAt: '2026-11-21T09:01:00.000Z' }] },
    });
    // Nothing is better than what is wrong: a crane then asks a mirror.
    expect(await findingsOf(fixture)).toEqual([`missing ${blobPath(digest)}`]);
    expect(scrub.changed).toEqual(['main']);
    await scrub.run();
    expect(scrub.asked).toEqual([]);

    fixture.clock = new Date(String(waiting.result?.damaged[0]?.againAt));
    await scrub.run();
    await scrub.sync();
    expect(await scrub.run()).toMatchObject({ state: 'done', result: { damaged: [{ state: 'repaired' }] } });
    expect(await findingsOf(fixture)).toEqual([]);
    const inTree = join(fixture.root, 'tree', blobPath(digest));
    expect((await stat(inTree)).ino).toBe((await stat(store.pathOf(digest))).ino);
  });

  const WAYS: readonly [string, (fixture: FlowFixture) => Promise<unknown>][] = [
    ['another scrub', async (fixture) => (await openScrub(fixture)).run()],
    ['`gantry publish`', ({ publisher }) => publisher.publishAll()],
  ];

  test.each(WAYS)(
    'of a published blob that no source gives ends so; once it is back, %s puts it into the tree',
    async (_, putBack) => {
      await using fixture = await openPublished();
      const { digest } = layer('1');
      await flip(filesOf(fixture).pathOf(digest));
      const scrub = await openScrub(fixture);
      let now = await scrub.run();
      for (let round = 0; now.state === 'running' && round < 10; round++) {
        await scrub.sync(true);
        now = await scrub.run();
        const [{ againAt } = {}] = now.result?.damaged ?? [];
        if (againAt === undefined) continue;
        fixture.clock = new Date(againAt);
        now = await scrub.run();
      }
      expect(now).toMatchObject({ state: 'partial', result: { damaged: [{ state: 'lost', rounds: 4 }] } });
      expect(now.errors[0]?.problem.detail).toContain('candidates (app) did not give it again');
      expect(await findingsOf(fixture)).toEqual([`missing ${blobPath(digest)}`]);

      await fixture.sync();
      await putBack(fixture);
      expect(await findingsOf(fixture)).toEqual([]);
    },
  );

  test('mends what is damaged or missing in the tree alone, and leaves what is right', async () => {
    await using fixture = await openPublished();
    const { root, flow } = fixture;
    const [damaged, missing] = [layer('1'), layer('2')].map(({ digest }) =>
      join(root, 'tree', blobPath(digest)),
    );
    for (const file of [damaged, missing]) await rm(String(file));
    await writeFile(String(damaged), Buffer.alloc(layer('1').bytes.length));
    expect(await findingsOf(fixture)).toHaveLength(2);
    const before = await Array.fromAsync(flow.store.list());
    const scrub = await openScrub(fixture);
    expect(await scrub.run()).toMatchObject({ state: 'done', result: { damaged: [], mended: 2 } });
    expect(await findingsOf(fixture)).toEqual([]);
    expect(await Array.fromAsync(flow.store.list())).toEqual(before);
    expect(scrub.changed).toEqual(['main']);
  });

  test('of a tree that can not be read says so, and reads the store and the other trees', async () => {
    await using fixture = await openPublished();
    const { flow, tree } = fixture;
    const { id } = await recordTask(flow, 'scrub', {});
    const broken = { ...tree, target: { ...tree.target, isOfStore: unanswered } };
    const context = { flow, trees: [broken], bytesPerSecond: 1e9, startSync: () => Promise.resolve('none') };
    const never = new AbortController().signal;
    await runTask(flow, id, (task, progress, signal) => runScrub(context, task, progress, signal), never);
    expect(await flow.catalog.tasks.get(id)).toMatchObject({
      state: 'partial',
      errors: [{ item: 'main', problem: { detail: 'the disk does not answer' } }],
      result: { isThrough: true },
    });
  });

  test('goes on where it stopped, whatever came before', async () => {
    await using fixture = await openPublished();
    const blobs = await Array.fromAsync(fixture.flow.store.list());
    const third = blobs[2]?.digest as Digest;
    await flip(filesOf(fixture).pathOf(third));
    const stop = new AbortController();
    const { flow } = fixture;
    // Stopped as soon as the damaged one is moved aside.
    const store = new Proxy(flow.store, {
      get: (of, name) => {
        const value: unknown = Reflect.get(of, name, of);
        if (name === 'startRemoval') stop.abort();
        return typeof value === 'function' ? (value.bind(of) as unknown) : value;
      },
    });
    const { id } = await recordTask(flow, 'scrub', {});
    const syncs: string[] = [];
    const context = (of: BlobStore) => ({
      flow: { ...flow, store: of },
      trees: [],
      bytesPerSecond: 1e9,
      startSync: async (parameters: Task['parameters']) => {
        const task = await recordTask(flow, 'sync', parameters);
        syncs.push(task.id);
        return task.id;
      },
    });
    const run = (of: BlobStore, signal: AbortSignal) =>
      runTask(flow, id, (task, progress, both) => runScrub(context(of), task, progress, both), signal);
    await run(store, stop.signal);
    const cut = (await flow.catalog.tasks.get(id))?.result as unknown as ScrubState;
    expect(cut).toMatchObject({ position: third, blobs: 3, isThrough: false });
    await run(flow.store, new AbortController().signal);
    const now = (await flow.catalog.tasks.get(id))?.result as unknown as ScrubState;
    expect(now).toMatchObject({ isThrough: true, blobs: blobs.length, damaged: [{ digest: third }] });
    expect(syncs).toHaveLength(1);
  });
});
