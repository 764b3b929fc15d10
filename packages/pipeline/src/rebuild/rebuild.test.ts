import { appendFile, chmod, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Catalog,
  type CatalogEntry,
  type CatalogNoun,
  type ChannelTag,
  openCatalog,
  openCatalogTransfer,
} from '@gantry/catalog';
import { makeImage, makeIndex, makeLayer, makeSbom, makeSignature, openRegistry } from '@gantry/registry';
import {
  blobPath,
  fullListPath,
  listPath,
  openTree,
  POINTER_PATH,
  serialPath,
  verifyTree,
} from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { Channel, Flow } from '../context.ts';
import { acceptPromotion } from '../promote/accept.ts';
import { acceptRollback } from '../promote/rollback.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { createPublisher } from '../publish/publisher.ts';
import { ContentFetcher } from '../sync/fetch-content.ts';
import { Progress } from '../sync/progress.ts';
import { createSource } from '../sync/source.ts';
import { syncSource } from '../sync/sync-source.ts';
import { attribute } from './attribute.ts';
import { rebuildCatalog } from './rebuild-catalog.ts';
import type { RebuildReport } from './rebuild-report.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const image = (text: string, platform = amd64) =>
  makeImage({ platform, layers: [layer('base'), layer(text)] });
const app = (text: string) => makeIndex([image(text), image(`${text} arm`, arm64)]);
const companionTag = (digest: string) => `${digest.replace(':', '-')}.sig`;

/** A tree with all that is hard to tell from it: moved tags, referrers of referrers, companion tags, two channels. */
async function openPublished(): Promise<FlowFixture> {
  const fixture = await openFlow();
  const { upstream } = fixture;
  const [one, two] = [app('1'), app('2')];
  upstream.push('app', one, '1', 'constructor');
  upstream.push('app', two, '2');
  const sbom = makeSbom(one, 'app');
  upstream.push('app', sbom);
  upstream.push('app', makeSignature('app', sbom), companionTag(sbom.digest));
  upstream.push('app', makeSignature('app', one), companionTag(one.digest));
  upstream.push('tools/other', image('other'), 'x');
  upstream.push('app', app('never promoted'), 'candidate');
  await fixture.sync();
  await promote(fixture, 'app', '1', 'testing', ['1', 'latest']);
  await promote(fixture, 'app', '1', 'stable', ['1', 'latest', '__proto__']);
  await promote(fixture, 'tools/other', 'x', 'stable', ['x']);
  await promote(fixture, 'app', '2', 'stable', ['2', 'latest']); // the tag moves; nothing else of 1 does
  return fixture;
}

async function promote(
  { flow, channels, tree }: Pick<FlowFixture, 'flow' | 'channels' | 'tree'>,
  repository: string,
  reference: string,
  to: string,
  tags: string[],
): Promise<string> {
  const request = { items: [{ repository, reference, tags }], to };
  const { promotion } = await acceptPromotion(flow, channels, request, { name: 'tester' });
  await runPromotion(flow, channels, promotion.id);
  await createPublisher(flow, tree).publishPending();
  return promotion.id;
}

/** Rebuilds into a new catalog. It is closed with the fixture's folder. */
async function rebuild(
  fixture: FlowFixture,
  name = 'rebuilt.db',
  channels: readonly Channel[] = fixture.channels,
): Promise<{ catalog: Catalog; flow: Flow; report: RebuildReport } & AsyncDisposable> {
  const { store } = fixture.flow;
  const tree = { ...fixture.tree, channels };
  const configuration = { sqlite: { file: join(fixture.root, name) } };
  const { report, entries } = rebuildCatalog({ store, trees: [tree], now: fixture.flow.now });
  {
    await using target = await openCatalogTransfer(configuration, 'target');
    await target.load(entries());
  }
  const catalog = await openCatalog(configuration);
  const flow = { ...fixture.flow, catalog };
  return { catalog, flow, report, [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose]() };
}

async function dump<Noun extends CatalogNoun>(
  file: string,
  noun: Noun,
): Promise<Extract<CatalogEntry, { noun: Noun }>['record'][]> {
  await using transfer = await openCatalogTransfer({ sqlite: { file } }, 'source');
  const all = await Array.fromAsync(transfer.dump());
  return all.filter((entry) => entry.noun === noun).map(({ record }) => record) as never;
}

const byTag = (tags: readonly ChannelTag[]) =>
  tags
    .map((tag) => ({ ...tag, promotion: '', promotedAt: '' }))
    .toSorted((a, b) =>
      `${a.channel} ${a.repository} ${a.tag}` < `${b.channel} ${b.repository} ${b.tag}` ? -1 : 1,
    );
const bytesOf = (requests: FlowFixture['upstream']['requests']) =>
  requests.filter(({ method, path }) => method === 'GET' && /\/(?:blobs|manifests)\//.test(path));

describe('a catalog that is remade', () => {
  test('has the channels, the pool, the publications and the records that were lost', async () => {
    await using fixture = await openPublished();
    const lost = join(fixture.root, 'catalog.db');
    await using remade = await rebuild(fixture);
    const rebuilt = join(fixture.root, 'rebuilt.db');
    expect(remade.report).toMatchObject({
      serial: 4,
      publications: 4,
      channels: [
        { channel: 'testing', repositories: 1, tags: 2 },
        { channel: 'stable', repositories: 2, tags: 5 },
      ],
      restored: { blobs: 0, bytes: 0 },
      problems: [],
      notes: [expect.stringContaining('the channel private is kept out of every tree')],
    });
    expect(byTag(await dump(rebuilt, 'channels'))).toEqual(byTag(await dump(lost, 'channels')));
    expect(await dump(rebuilt, 'pool')).toEqual(await dump(lost, 'pool'));
    expect(await dump(rebuilt, 'poolSerials')).toEqual(await dump(lost, 'poolSerials'));
    expect(await dump(rebuilt, 'manifests')).toEqual(await dump(lost, 'manifests'));
    expect(await dump(rebuilt, 'publications')).toEqual(
      (await dump(lost, 'publications')).map((publication) => ({ ...publication, promotions: [] })),
    );
    expect(await dump(rebuilt, 'candidates')).toEqual([]);
    expect(await dump(rebuilt, 'promotions')).toMatchObject([
      { requestedBy: 'gantry catalog rebuild', state: 'done', serial: 4 },
    ]);
  });

  test('publishes nothing new by itself, goes on with the next serial, and with higher sequences and fences', async () => {
    await using fixture = await openPublished();
    const lost = join(fixture.root, 'catalog.db');
    const fences = await dump(lost, 'leases');
    const sequences = await dump(lost, 'promotions');
    await using remade = await rebuild(fixture);
    const parts = { ...fixture, flow: remade.flow };
    const publisher = createPublisher(remade.flow, fixture.tree);
    expect(await publisher.publishAll()).toEqual({ serial: 4, published: false });
    await syncInto(fixture, remade.flow);
    const id = await promote(parts, 'app', 'candidate', 'testing', ['latest']);
    const promoted = await remade.catalog.promotions.get(id);
    expect(promoted).toMatchObject({ state: 'done', serial: 5 });
    expect(promoted?.sequence).toBeGreaterThan(Math.max(...sequences.map(({ sequence }) => sequence)));
    const [lease] = await dump(join(fixture.root, 'rebuilt.db'), 'leases');
    const former = fences.find(({ name }) => name === lease?.name);
    expect(lease?.fence).toBeGreaterThan((former?.fence ?? Infinity) + 1); // which it would be from where it was, too
    expect((await verifyTree(fixture.treeSource, { deep: true })).findings).toEqual([]);
    const repository = await (await openTree(fixture.treeSource))?.repository('app');
    expect(repository?.tags.has(companionTag(app('1').digest))).toBe(true);
  });

  test('makes a sync with nothing new download nothing', async () => {
    await using fixture = await openPublished();
    await using remade = await rebuild(fixture);
    fixture.upstream.forgetRequests();
    const outcome = await syncInto(fixture, remade.flow);
    expect(outcome.errors).toEqual([]);
    expect(fixture.upstream.requests.length).toBeGreaterThan(5);
    expect(bytesOf(fixture.upstream.requests)).toEqual([]);
    const candidates = await remade.catalog.candidates.list({ limit: 100 });
    const before = await fixture.flow.catalog.candidates.list({ limit: 100 });
    expect(new Set(candidates.items)).toEqual(new Set(before.items));
  });

  test('can be rolled back to an earlier serial', async () => {
    await using fixture = await openPublished();
    await using remade = await rebuild(fixture);
    await syncInto(fixture, remade.flow);
    const { promotion } = await acceptRollback(remade.flow, fixture.trees, { serial: 2 }, { name: 'tester' });
    await runPromotion(remade.flow, fixture.channels, promotion.id);
    await createPublisher(remade.flow, fixture.tree).publishPending();
    const tree = await openTree(fixture.treeSource);
    const then = await openTree(fixture.treeSource, { serial: 2 });
    const name = 'app';
    expect((await tree?.repository(name))?.tags).toEqual((await then?.repository(name))?.tags);
    expect(await tree?.repository('tools/other')).toMatchObject({ tags: new Map() });
    expect((await verifyTree(fixture.treeSource, { deep: true })).findings).toEqual([]);
  });

  test('has what a publisher that died had claimed', async () => {
    await using fixture = await openPublished();
    const pointer = await fixture.treeSource.read(serialPath(3), 1e6);
    const file = join(fixture.root, 'tree', POINTER_PATH);
    await chmod(file, 0o644);
    await rm(file);
    await appendFile(file, pointer ?? '');
    await using remade = await rebuild(fixture);
    expect(remade.report.serial).toBe(4);
    expect(await createPublisher(remade.flow, fixture.tree).publishAll()).toMatchObject({ serial: 4 });
    expect((await openTree(fixture.treeSource))?.statement.serial).toBe(4);
  });

  test('takes from the tree what the store lacks', async () => {
    await using fixture = await openPublished();
    const { store } = fixture.flow;
    const blob = layer('2').digest;
    await store.delete(blob);
    await store.delete(app('2').digest);
    const report = await dryRun(fixture);
    expect(report.restored.blobs).toBe(2);
    expect(await store.stat(blob)).toBeUndefined();
    await using remade = await rebuild(fixture);
    expect(remade.report.problems).toEqual([]);
    expect(remade.report.restored.blobs).toBe(2);
    expect(await store.stat(blob)).toEqual({ size: layer('2').bytes.length });
    expect(await remade.catalog.manifests.get(app('2').digest)).toBeDefined();
  });

  test('names what is neither in the store nor in the tree, and has all else', async () => {
    await using fixture = await openPublished();
    await fixture.flow.store.delete(layer('other').digest);
    await rm(join(fixture.root, 'tree', blobPath(layer('other').digest)));
    await using remade = await rebuild(fixture);
    expect(remade.report.problems).toEqual([expect.stringContaining(`tools/other@${image('other').digest}`)]);
    expect(await remade.catalog.manifests.get(image('other').digest)).toBeUndefined();
    await syncInto(fixture, remade.flow); // which brings it again
    expect(await remade.catalog.manifests.get(image('other').digest)).toBeDefined();
    expect(await createPublisher(remade.flow, fixture.tree).publishAll()).toEqual({
      serial: 4,
      published: false,
    });
    expect((await verifyTree(fixture.treeSource, { deep: true })).findings).toEqual([]);
  });

  test('leaves out what a channel that is no longer configured held, and names it', async () => {
    await using fixture = await openPublished();
    const renamed: readonly Channel[] = [
      { name: 'trial', prefix: 'testing/', publish: true },
      { name: 'tools', prefix: 'tools/', publish: true },
    ];
    await using remade = await rebuild(fixture, 'rebuilt.db', renamed);
    expect(remade.report.problems).toEqual([
      expect.stringContaining('app was published from the channel stable, and no channel'),
    ]);
    expect(remade.report.notes).toEqual([
      expect.stringContaining('testing/app was published from the channel testing, and is in trial now'),
      expect.stringContaining('tools/other was published from the channel stable, and is in tools now'),
    ]);
    expect((await remade.catalog.channels.repositories('trial', { limit: 9 })).items).toEqual(['app']);
    expect((await remade.catalog.channels.repositories('tools', { limit: 9 })).items).toEqual(['other']);
  });

  test('needs the lists that tell the pool, and no older ones', async () => {
    await using fixture = await openPublished();
    const tree = join(fixture.root, 'tree');
    await rm(join(tree, listPath(1)));
    {
      await using remade = await rebuild(fixture, 'without.db');
      expect(remade.report).toMatchObject({ publications: 4, problems: [] });
      expect(await dump(join(fixture.root, 'without.db'), 'pool')).toEqual(
        await dump(join(fixture.root, 'catalog.db'), 'pool'),
      );
    }
    for (const path of [listPath(3), fullListPath(1)]) {
      await chmod(join(tree, path), 0o644);
      await appendFile(join(tree, path), '+ 1 x y\n');
      await expect(rebuild(fixture, 'never.db')).rejects.toMatchObject({
        code: 'TREE_INVALID',
        message: expect.stringContaining(`${path} of`),
      });
    }
    await expect(openCatalog({ sqlite: { file: join(fixture.root, 'never.db') } })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    });
  });

  test('of a tree that nothing was published to has what the store has', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', app('1'), '1');
    await fixture.sync();
    await using remade = await rebuild(fixture);
    expect(remade.report).toMatchObject({
      serial: null,
      channels: [],
      publications: 0,
      manifests: { inTree: 0, inStore: 3 },
      problems: [],
    });
    await syncInto(fixture, remade.flow);
    await promote({ ...fixture, flow: remade.flow }, 'app', '1', 'stable', ['1']);
    expect((await openTree(fixture.treeSource))?.statement.serial).toBe(1);
  });
});

test('a repository belongs to the channel that its document names, else to the longest prefix that fits', () => {
  const channels = [channel('a', ''), channel('b', 'x/'), channel('c', 'x/y/'), channel('d', 'z/', false)];
  const found = (name: string, said: string) => {
    const place = attribute(name, said, { channels });
    return place && [place.channel.name, place.repository];
  };
  expect(found('x/y/app', 'a')).toEqual(['a', 'x/y/app']);
  expect(found('x/y/app', 'b')).toEqual(['b', 'y/app']);
  expect(found('x/y/app', 'gone')).toEqual(['c', 'app']);
  expect(found('x/app', 'c')).toEqual(['b', 'app']);
  expect(found('z/app', 'd')).toEqual(['a', 'z/app']);
  expect(attribute('app', 'gone', { channels: channels.slice(1) })).toBeUndefined();
});

function channel(name: string, prefix: string, publish = true): Channel {
  return { name, prefix, publish };
}

async function dryRun(fixture: FlowFixture): Promise<RebuildReport> {
  const { store, now } = fixture.flow;
  const { report, entries } = rebuildCatalog({ store, trees: [fixture.tree], now }, { dryRun: true });
  for await (const _ of entries());
  return report;
}

/** A sync of all, into another catalog than the fixture's. */
async function syncInto(fixture: FlowFixture, flow: Flow) {
  await using listening = await fixture.upstream.listen();
  await using registry = openRegistry({ name: 'candidates', url: listening.url });
  return await syncSource(
    flow,
    createSource({ name: 'candidates', repositories: ['**'], referrers: true }, registry),
    new ContentFetcher(flow.catalog, flow.store),
    { id: 'again', progress: new Progress(), signal: new AbortController().signal },
  );
}
