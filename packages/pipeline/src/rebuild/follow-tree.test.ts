import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { backupCatalog, type Catalog, openCatalog } from '@gantry/catalog';
import { makeImage, makeIndex, makeLayer, makeSignature } from '@gantry/registry';
import { openTree, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { openFilesystemTarget } from '../publish/filesystem-target.ts';
import { createPublisher } from '../publish/publisher.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const app = (text: string) =>
  makeIndex([makeImage({ platform: amd64, layers: [makeLayer([{ path: 'a', content: text }])] })]);
const signature = (digest: string) => `${digest.replace(':', '-')}.sig`;

async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const text of ['1', '2', '3']) fixture.upstream.push('app', app(text), text);
  fixture.upstream.push('app', makeSignature('app', app('2')), signature(app('2').digest));
  fixture.upstream.push('other', app('other'), '1');
  await fixture.sync();
  return fixture;
}

async function publishAs(fixture: FlowFixture, repository: string, reference: string, ...tags: string[]) {
  await fixture.promote({ items: [{ repository, reference, tags }], to: 'stable' });
  await fixture.publisher.publishPending();
}

/** The catalog as it was when the backup was made, and a publisher on it. */
async function restored(fixture: FlowFixture, backup: string) {
  const catalog: Catalog = await openCatalog({ sqlite: { file: backup } });
  const flow = { ...fixture.flow, catalog };
  const publisher = createPublisher(flow, fixture.tree);
  return { catalog, flow, publisher, [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose]() };
}

describe('a catalog that was restored from an older backup than the tree', () => {
  test('takes over what was promoted since, and publishes nothing away', async () => {
    await using fixture = await openSynced();
    const backup = join(fixture.root, 'backup.db');
    await publishAs(fixture, 'app', '1', 'latest', 'one');
    await backupCatalog({ sqlite: { file: join(fixture.root, 'catalog.db') } }, backup);
    await publishAs(fixture, 'app', '2', 'latest', 'two');
    await publishAs(fixture, 'other', '1', '1');
    const { root } = (await openTree(fixture.treeSource))?.statement ?? {};

    await using old = await restored(fixture, backup);
    expect(await old.catalog.publications.latest('main')).toMatchObject({ serial: 1 });
    expect(await old.publisher.publishAll()).toEqual({ serial: 3, published: false });
    expect((await openTree(fixture.treeSource))?.statement.root).toBe(root);
    const tags = await old.catalog.channels.tagsOf('stable', 'app');
    expect(new Map(tags.map(({ tag, digest }) => [tag, digest]))).toEqual(
      new Map([
        ['latest', app('2').digest],
        ['one', app('1').digest],
        ['two', app('2').digest],
      ]),
    );
    const [former] = await fixture.flow.catalog.channels.tagsOf('stable', 'app');
    expect(tags.find(({ tag }) => tag === former?.tag)?.companions).toEqual(former?.companions);
    expect(await old.catalog.publications.latest('main')).toMatchObject({ serial: 3, state: 'published' });
    expect(await old.catalog.pool.serial('main')).toBe(3);
  });

  test('goes on with the promotions that were open in the backup', async () => {
    await using fixture = await openSynced();
    const backup = join(fixture.root, 'backup.db');
    await publishAs(fixture, 'app', '1', 'latest');
    const id = await fixture.promote({
      items: [{ repository: 'app', reference: '3', tags: ['three'] }],
      to: 'stable',
    });
    await backupCatalog({ sqlite: { file: join(fixture.root, 'catalog.db') } }, backup);
    await fixture.publisher.publishPending();
    await publishAs(fixture, 'app', '2', 'latest');

    await using old = await restored(fixture, backup);
    await runPromotion(old.flow, fixture.channels, id);
    await old.publisher.publishPending();
    expect(await old.catalog.promotions.get(id)).toMatchObject({ state: 'done' });
    const repository = await (await openTree(fixture.treeSource))?.repository('app');
    expect(repository?.tags.get('three')).toBe(app('3').digest);
    expect(repository?.tags.get('latest')).toBe(app('2').digest);
    expect((await verifyTree(fixture.treeSource, { deep: true })).findings).toEqual([]);
  });

  test('loses tags that were taken back since', async () => {
    await using fixture = await openSynced();
    const backup = join(fixture.root, 'backup.db');
    await publishAs(fixture, 'app', '1', 'latest', 'gone');
    await backupCatalog({ sqlite: { file: join(fixture.root, 'catalog.db') } }, backup);
    await fixture.flow.catalog.channels.apply('stable', 'app', [], ['gone']);
    expect(await fixture.publisher.publishAll()).toEqual({ serial: 2, published: true });
    await using old = await restored(fixture, backup);
    expect(await old.publisher.publishAll()).toEqual({ serial: 2, published: false });
    expect((await old.catalog.channels.tagsOf('stable', 'app')).map(({ tag }) => tag)).toEqual(['latest']);
  });
});

test('a tree that is behind its catalog, or gone, is not published to', async () => {
  await using fixture = await openSynced();
  const tree = join(fixture.root, 'tree');
  await publishAs(fixture, 'app', '1', 'latest');
  await cp(tree, join(fixture.root, 'older'), { recursive: true });
  await publishAs(fixture, 'app', '2', 'latest');
  for (const [restore, is] of [
    [() => cp(join(fixture.root, 'older'), tree, { recursive: true }), 'is at serial 1'],
    [() => Promise.resolve(), 'is empty'],
  ] as const) {
    await rm(tree, { recursive: true, force: true });
    await restore();
    const target = await openFilesystemTarget(tree, fixture.flow.store);
    const publisher = createPublisher(fixture.flow, { ...fixture.tree, target });
    await expect(publisher.publishAll()).rejects.toMatchObject({
      code: 'TREE_INVALID',
      message: expect.stringMatching(new RegExp(`${is}, and the catalog has seen serial 2`)),
    });
    expect(await target.highestSerial()).toBe(is === 'is empty' ? 0 : 1);
  }
});
