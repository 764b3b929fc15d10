import { makeImage, makeLayer } from '@gantry/registry';
import { listPath, openTree, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import type { PublishedTree } from './published-tree.ts';
import { createPublisher, type Publisher } from './publisher.ts';

const REPOSITORIES = 40;
const amd64 = { os: 'linux', architecture: 'amd64' };
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const channels = [{ name: 'stable', prefix: '', publish: true }];
/** A repository counts for 100 objects: so this is the room of four, with eight more under way when it is full. */
const SMALL = 400;
const MOST_A_PART = 4 + 8;

/** Many repositories, in the channel and in no tree yet. */
async function openPromoted(): Promise<FlowFixture> {
  const fixture = await openFlow({}, channels);
  const names = Array.from({ length: REPOSITORIES }, (_, at) => `app-${at}`);
  for (const name of names)
    fixture.upstream.push(name, makeImage({ platform: amd64, layers: [layer('base'), layer(name)] }), '1');
  await fixture.sync();
  const items = names.map((repository) => ({ repository, reference: '1' }));
  await fixture.promote({ items, to: 'stable' });
  return fixture;
}

const publisherOf = ({ flow, tree }: FlowFixture, changed: Partial<PublishedTree> = {}): Publisher =>
  createPublisher(flow, { ...tree, maxPartObjects: SMALL, ...changed });

async function published({ flow, treeSource }: FlowFixture) {
  const { statement } = (await openTree(treeSource)) ?? {};
  if (statement === undefined) throw new Error('there is no tree');
  const { root, list, serial } = statement;
  const lines = Buffer.from((await treeSource.read(listPath(serial), 1024 * 1024)) ?? []).toString();
  expect((await verifyTree(treeSource, { deep: true })).findings).toEqual([]);
  const pool = await Array.fromAsync(flow.catalog.pool.list('main'));
  const added = (await flow.catalog.publications.get('main', serial))?.added;
  return { serial, root, list, lines, pool, added };
}

/** What a publication composes, and has put of it: told in the order in which it happens. */
function watched({ flow, tree }: FlowFixture, told: (what: 'composed' | 'put') => void) {
  const channelsOf: typeof flow.catalog.channels = {
    ...flow.catalog.channels,
    tagsOf: (...parameters) => {
      told('composed');
      return flow.catalog.channels.tagsOf(...parameters);
    },
  };
  const target: typeof tree.target = {
    ...tree.target,
    putDocument: (...parameters) => {
      told('put');
      return tree.target.putDocument(...parameters);
    },
  };
  return { flow: { ...flow, catalog: { ...flow.catalog, channels: channelsOf } }, target };
}

test('a publication of many repositories never holds more documents than those of a part', async () => {
  await using fixture = await openPromoted();
  let [composed, put, most, atFirstPut] = [0, 0, 0, 0];
  const { flow, target } = watched(fixture, (what) => {
    if (what === 'put') {
      if (put++ === 0) atFirstPut = composed;
    } else composed++;
    most = Math.max(most, composed - put);
  });
  await createPublisher(flow, { ...fixture.tree, target, maxPartObjects: SMALL }).publishAll();
  expect(composed).toBe(REPOSITORIES);
  expect(put).toBeGreaterThan(REPOSITORIES);
  expect(atFirstPut).toBeLessThanOrEqual(MOST_A_PART);
  expect(most).toBeLessThanOrEqual(MOST_A_PART);
  await published(fixture);
});

test('in parts gives to the byte what one part gives, and brings what they share once', async () => {
  await using inOne = await openPromoted();
  await using inParts = await openPromoted();
  await inOne.publisher.publishAll();
  await publisherOf(inParts).publishAll();
  const [one, other] = [await published(inOne), await published(inParts)];
  expect(other).toEqual(one);
  expect(one.lines.match(/^\+ .* pool\/manifests/gm)).toHaveLength(REPOSITORIES);
  expect(await publisherOf(inParts).publishAll()).toEqual({ serial: 1, published: false });
});

test('a serial that is passed over is composed anew, in all its parts', async () => {
  await using fixture = await openPromoted();
  const other = Buffer.from(`+ 1 ${'0'.repeat(64)} pool/blobs/sha256/00/${'0'.repeat(64)}\n`);
  await fixture.tree.target.putList(listPath(1), other);
  expect(await publisherOf(fixture).publishAll()).toEqual({ serial: 2, published: true });
  const view = await openTree(fixture.treeSource);
  const names = (await Array.fromAsync(view?.repositories() ?? [])).map(({ name }) => name);
  expect(names).toHaveLength(REPOSITORIES);
  for (const name of names) {
    const { manifests, blobs } = (await view?.repository(name)) ?? {};
    const all = [...(manifests?.values() ?? []), ...(blobs?.values() ?? [])];
    expect(new Set(all.map(({ since }) => since))).toEqual(new Set([2]));
  }
});

test('a publication whose task is ended stops between two parts, and nothing of it is seen', async () => {
  await using fixture = await openPromoted();
  const ending = new AbortController();
  let composed = 0;
  const { flow, target } = watched(fixture, (what) => {
    if (what === 'composed') composed++;
    else ending.abort(new Error('the task is ended'));
  });
  const publisher = createPublisher(flow, { ...fixture.tree, target, maxPartObjects: SMALL });
  await expect(publisher.publishAll(ending.signal)).rejects.toThrow('the task is ended');
  expect(composed).toBeLessThanOrEqual(MOST_A_PART);
  expect(await openTree(fixture.treeSource)).toBeUndefined();
  expect(await publisherOf(fixture).publishAll()).toEqual({ serial: 1, published: true });
  expect((await openTree(fixture.treeSource))?.statement.serial).toBe(1);
});

test('a publisher that has lost its lease stops between two parts', async () => {
  await using fixture = await openPromoted();
  let composed = 0;
  const { flow, target } = watched(fixture, (what) => {
    if (what === 'composed') composed++;
  });
  const { leases } = flow.catalog;
  const lost = { ...leases, renew: () => Promise.resolve(undefined) };
  const catalog = { ...flow.catalog, leases: lost };
  const publisher = createPublisher(
    { ...flow, catalog },
    { ...fixture.tree, target: { ...target, begin: () => Promise.resolve() }, maxPartObjects: SMALL },
  );
  await expect(publisher.publishAll()).rejects.toMatchObject({ code: 'LEASE_LOST' });
  expect(composed).toBeGreaterThan(0);
  expect(composed).toBeLessThanOrEqual(MOST_A_PART);
});
