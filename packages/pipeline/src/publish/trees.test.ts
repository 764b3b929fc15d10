import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Promotion } from '@gantry/catalog';
import type { Digest } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer, type MadeManifest, makeSignature } from '@gantry/registry';
import { openTree, verifyTree } from '@gantry/tree';
import type { Channel } from '../context.ts';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from '../promote/accept.ts';
import { acceptRollback, type RollbackRequest } from '../promote/rollback.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { purge } from '../take-back/purge.fixture.ts';
import { acceptRetraction } from '../take-back/retraction.ts';
import { createPublisher } from './publisher.ts';
import { publishTrees, publisherOf } from './publish-trees.ts';
import { findTree, MAIN_TREE, ownsChannel, ownsPromotion, shareOut, treeOf } from './trees.ts';

const CHANNELS: readonly Channel[] = [
  { name: 'stable', prefix: '', publish: true },
  { name: 'inside', prefix: '', publish: true, tree: 'internal' },
  { name: 'lab', prefix: 'lab/', publish: true, tree: 'internal' },
  { name: 'held', prefix: 'held/', publish: false },
];
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const base = layer('base');
const image = (text: string) =>
  makeIndex([makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [base, layer(text)] })]);
const signature = (made: MadeManifest) =>
  [makeSignature('app', made), `${made.digest.replace(':', '-')}.sig`] as const;
const stop = new AbortController().signal;

/** `app` with the tags 1 and 2, signed, and what is never promoted to a channel of the main tree. */
async function openTwoTrees(): Promise<FlowFixture> {
  const fixture = await openFlow({}, CHANNELS);
  const { upstream } = fixture;
  for (const tag of ['1', '2', 'secret', 'secret-2']) {
    const made = image(tag);
    upstream.push('app', made, tag);
    upstream.push('app', ...signature(made));
  }
  upstream.push('hidden/engine', image('engine'), 'unreleased');
  await fixture.sync();
  return fixture;
}

/** Promotes, and does what a worker would. */
async function promote(fixture: FlowFixture, to: string, repository: string, tag: string, ...tags: string[]) {
  const id = await fixture.promote({
    items: [{ repository, reference: tag, ...(tags.length > 0 && { tags }) }],
    to,
  });
  return end(fixture, id);
}

async function end(fixture: FlowFixture, id: string): Promise<Promotion> {
  const ready = await runPromotion(fixture.flow, fixture.channels, id);
  if (ready === undefined) throw new Error(`there is no promotion ${id}`);
  await publisherOf(ready, fixture.publishers).publishPending();
  return (await fixture.flow.catalog.promotions.get(id)) ?? ready;
}

async function rollBack(fixture: FlowFixture, request: RollbackRequest) {
  const { promotion } = await acceptRollback(fixture.flow, fixture.trees, request, { name: 'ops' });
  return end(fixture, promotion.id);
}

async function retract(fixture: FlowFixture, channel: string, repository: string, tag?: string) {
  const asked = { channel, repository, ...(tag !== undefined && { tag }) };
  const { promotion } = await acceptRetraction(fixture.flow, fixture.channels, asked, { name: 'ops' });
  return end(fixture, promotion.id);
}

const sourceOf = ({ trees }: FlowFixture, tree: string) => findTree(tree, trees).target.source;

/** What a repository's tags mean in a tree now. */
async function tagsIn(fixture: FlowFixture, tree: string, name = 'app'): Promise<Record<string, string>> {
  const document = await (await openTree(sourceOf(fixture, tree)))?.repository(name);
  return Object.fromEntries([...(document?.tags ?? [])].filter(([tag]) => !tag.startsWith('sha256-')));
}

const serialOf = async (fixture: FlowFixture, tree: string) =>
  (await openTree(sourceOf(fixture, tree)))?.statement.serial;

describe('of two trees', () => {
  test('each has what is in its channels, its own serials, and an id of its own', async () => {
    await using fixture = await openTwoTrees();
    expect(await promote(fixture, 'stable', 'app', '1')).toMatchObject({ state: 'done', serial: 1 });
    const inside = await promote(fixture, 'inside', 'app', '2', '1');
    expect(inside).toMatchObject({ state: 'done', serial: 1, tree: 'internal' });
    await promote(fixture, 'lab', 'app', 'secret');
    expect(await tagsIn(fixture, 'main')).toEqual({ 1: image('1').digest });
    expect(await tagsIn(fixture, 'internal')).toEqual({ 1: image('2').digest });
    expect(await tagsIn(fixture, 'internal', 'lab/app')).toEqual({ secret: image('secret').digest });
    expect([await serialOf(fixture, 'main'), await serialOf(fixture, 'internal')]).toEqual([1, 2]);
    const ids = await Promise.all(
      fixture.trees.map(async ({ target }) => (await openTree(target.source))?.statement.tree),
    );
    expect(new Set(ids).size).toBe(2);
    const publications = await fixture.flow.catalog.publications.list('internal', { limit: 10 });
    expect(publications.items.map(({ serial, promotions }) => [serial, promotions.length])).toEqual([
      [2, 1],
      [1, 1],
    ]);
  });

  test('a publisher applies and ends the promotions of its own channels, and leaves the others', async () => {
    await using fixture = await openTwoTrees();
    const { catalog } = fixture.flow;
    const item = { repository: 'app', reference: '1' };
    const open = await fixture.promote({ items: [item], to: 'stable' });
    const inner = await fixture.promote({ items: [item], to: 'inside' });
    const held = await fixture.promote({ items: [item], to: 'held' });
    const [main, internal] = fixture.publishers;
    const states = async () =>
      Promise.all([open, inner, held].map(async (id) => (await catalog.promotions.get(id))?.state));

    await internal?.publishPending();
    expect(await states()).toEqual(['publishing', 'done', 'publishing']);
    expect(await catalog.channels.tagsOf('stable', 'app')).toEqual([]);
    expect(await serialOf(fixture, 'main')).toBeUndefined();
    await main?.publishPending();
    expect(await states()).toEqual(['done', 'done', 'done']);
    expect((await catalog.promotions.get(held))?.serial).toBeUndefined();
    expect(await catalog.channels.tagsOf('held', 'app')).toHaveLength(1);
  });

  test('one that can not be written to holds up no other', async () => {
    await using fixture = await openTwoTrees();
    await promote(fixture, 'stable', 'app', '1');
    await promote(fixture, 'inside', 'app', '2');
    const [main, internal] = fixture.publishers as [FlowFixture['publisher'], FlowFixture['publisher']];
    const broken = {
      ...internal,
      publishAll: () => Promise.reject(new Error('the disk is gone')),
    };
    const outcome = await publishTrees([main, broken], { parameters: {} }, stop);
    expect(outcome).toMatchObject({
      state: 'partial',
      errors: [{ item: 'internal' }],
      result: { serial: 1, published: false },
    });
    expect(await publishTrees([main, internal], { parameters: {} }, stop)).toEqual({
      state: 'done',
      errors: [],
      result: { serial: 1, published: false, trees: { internal: { serial: 1, published: false } } },
    });
    const one = await publishTrees([main, internal], { parameters: { tree: 'internal' } }, stop);
    expect(one.result).toEqual({ serial: 1, published: false });
    await expect(
      publishTrees([main, internal], { parameters: { tree: 'other' } }, stop),
    ).rejects.toMatchObject({
      code: 'TREE_UNKNOWN',
      message: 'there is no tree "other": there are main, internal',
    });
  });

  test('a channel may take from one of the other tree, and a rollback there stays there', async () => {
    await using fixture = await openTwoTrees();
    const channels = CHANNELS.map((one) => (one.name === 'stable' ? { ...one, from: 'inside' } : one));
    const released = { ...fixture, channels };
    await promote(released, 'inside', 'app', '1');
    const request = { items: [{ repository: 'app', reference: '1' }], to: 'stable' };
    const { promotion } = await acceptPromotion(released.flow, channels, request, { name: 'ops' });
    expect(await end(released, promotion.id)).toMatchObject({ state: 'done', serial: 1 });
    await promote(released, 'inside', 'app', '2', '1');
    await rollBack(released, { serial: 1, tree: 'internal' });
    expect(await tagsIn(released, 'internal')).toEqual({ 1: image('1').digest });
    expect(await serialOf(released, 'main')).toBe(1);
  });
});

describe('a rollback of a tree', () => {
  test('is of its channels, by its serials, and named so', async () => {
    await using fixture = await openTwoTrees();
    await promote(fixture, 'stable', 'app', '1', 'latest');
    await promote(fixture, 'stable', 'app', '2', 'latest');
    await promote(fixture, 'inside', 'app', '1', 'latest');
    await promote(fixture, 'lab', 'app', '1', 'latest');
    await promote(fixture, 'inside', 'app', '2', 'latest');
    const back = await rollBack(fixture, { serial: 1, tree: 'internal' });
    expect(back).toMatchObject({ kind: 'rollback', to: '*', tree: 'internal', state: 'done', serial: 4 });
    expect(await tagsIn(fixture, 'internal')).toEqual({ latest: image('1').digest });
    expect(await tagsIn(fixture, 'internal', 'lab/app')).toEqual({});
    expect(await tagsIn(fixture, 'main')).toEqual({ latest: image('2').digest });
    expect(await serialOf(fixture, 'main')).toBe(2);

    const byChannel = await rollBack(fixture, { serial: 3, channel: 'lab' });
    expect(byChannel).toMatchObject({ to: 'lab', tree: 'internal', serial: 5 });
    expect(await tagsIn(fixture, 'internal', 'lab/app')).toEqual({ latest: image('1').digest });
  });

  test.each([
    [{ tree: 'other' }, 'TREE_UNKNOWN', 'there are main, internal'],
    [
      { channel: 'inside', tree: 'main' },
      'REQUEST_UNPROCESSABLE',
      'inside stands in the tree internal, not in main',
    ],
    [{ channel: 'held' }, 'REQUEST_UNPROCESSABLE', 'held is kept out of every tree'],
    [{ tree: 'internal' }, 'PUBLICATION_UNKNOWN', 'there is no publication 2 of the tree internal'],
  ])('that can not be is refused: %j', async (wrong, code, message) => {
    await using fixture = await openTwoTrees();
    await promote(fixture, 'stable', 'app', '1');
    await promote(fixture, 'stable', 'app', '2');
    await promote(fixture, 'inside', 'app', '1');
    const asked = rollBack(fixture, { serial: 2, ...wrong });
    await expect(asked).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });
});

describe('a purge', () => {
  test('takes it out of all trees, by one promotion each', async () => {
    await using fixture = await openTwoTrees();
    for (const to of ['stable', 'inside', 'lab', 'held']) {
      await promote(fixture, to, 'app', '1');
      await promote(fixture, to, 'app', '2');
    }
    const secret = layer('1').digest;
    const task = await purge(fixture, secret);
    expect(task).toMatchObject({
      state: 'done',
      result: { tagsTakenOut: 4, serial: 3, trees: { internal: { serial: 5 } } },
    });
    const promotions = await Promise.all(
      ((task.result?.['promotions'] ?? []) as string[]).map((id) => fixture.flow.catalog.promotions.get(id)),
    );
    expect(promotions.map((one) => [one?.state, treeOf(one ?? {}), one?.items.length])).toEqual([
      ['done', 'main', 2],
      ['done', 'internal', 2],
    ]);
    expect(await tagsIn(fixture, 'main')).toEqual({ 2: image('2').digest });
    expect(await tagsIn(fixture, 'internal')).toEqual({ 2: image('2').digest });
    expect(await tagsIn(fixture, 'internal', 'lab/app')).toEqual({ 2: image('2').digest });
    for (const folder of ['tree', 'trees/internal'])
      expect(await filesNaming(join(fixture.root, folder), [secret], { names: true })).toEqual([]);
    for (const { target } of fixture.trees)
      expect((await verifyTree(target.source, { deep: true, nowMs: fixture.clock.getTime() })).errors).toBe(
        0,
      );
  });
});

describe('what is only in channels of a private tree', () => {
  test('is in no file of the public one, whatever is done with either', async () => {
    await using fixture = await openTwoTrees();
    const { root, publishers } = fixture;
    const privates = await digestsOnlyOf(fixture, ['secret', 'secret-2', 'engine']);
    expect(privates.size).toBeGreaterThan(9); // of three images: index, image, config, layer, and two signatures
    const words = [...privates, 'secret', 'hidden/engine', 'unreleased'];
    const leaks = async () => filesNaming(join(root, 'tree'), words);

    const steps: Record<string, () => Promise<unknown>> = {
      'promotions into both': async () => {
        await promote(fixture, 'stable', 'app', '1', 'latest');
        await promote(fixture, 'inside', 'app', 'secret', 'latest');
        await promote(fixture, 'lab', 'hidden/engine', 'unreleased');
        await promote(fixture, 'held', 'app', 'secret');
        await promote(fixture, 'stable', 'app', '2', 'latest');
        await promote(fixture, 'inside', 'app', 'secret-2', 'latest');
      },
      'promotions that are published together': async () => {
        const ids: string[] = [];
        for (const [to, reference] of [
          ['stable', '1'],
          ['inside', 'secret'],
          ['stable', '2'],
        ] as const)
          ids.push(await fixture.promote({ items: [{ repository: 'app', reference }], to }));
        await Promise.all(publishers.map((one) => one.publishPending()));
        for (const id of ids) expect((await end(fixture, id)).state).toBe('done');
      },
      'a publication of all': () => publishTrees(publishers, { parameters: {} }, stop),
      'rollbacks of both': async () => {
        await rollBack(fixture, { serial: 1 });
        await rollBack(fixture, { serial: 1, tree: 'internal' });
        await rollBack(fixture, { serial: 3, tree: 'internal', repositories: ['app'] });
      },
      'retractions from both': async () => {
        await promote(fixture, 'lab', 'hidden/engine', 'unreleased');
        await retract(fixture, 'inside', 'app', 'latest');
        await retract(fixture, 'stable', 'app', 'latest');
        await retract(fixture, 'lab', 'hidden/engine');
      },
      'what is public, once more': () => promote(fixture, 'stable', 'app', '2', 'latest'),
      'a purge of what is in one': () => purge(fixture, layer('secret').digest),
      'a purge of what is in both': async () => {
        await promote(fixture, 'inside', 'app', '2', 'latest');
        await purge(fixture, layer('2').digest);
      },
      'publishers that start anew': async () => {
        for (const tree of fixture.trees) await createPublisher(fixture.flow, tree).publishAll();
      },
    };
    for (const [step, act] of Object.entries(steps)) {
      await act();
      expect([step, await leaks()]).toEqual([step, []]);
    }
    expect(await filesNaming(join(root, 'trees/internal'), ['hidden/engine'])).not.toEqual([]);
    for (const { target } of fixture.trees)
      expect((await verifyTree(target.source, { deep: true, nowMs: fixture.clock.getTime() })).errors).toBe(
        0,
      );
  });

  test('is not brought there by a channel that has moved: what waits is refused, by name', async () => {
    await using fixture = await openTwoTrees();
    const waiting = await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
    const channels = CHANNELS.map((one) =>
      one.name === 'stable' ? { ...one, prefix: 's/', tree: 'internal' } : one,
    );
    const moved = shareOut(['internal'], channels).map((share, at) =>
      createPublisher(fixture.flow, { ...fixture.trees[at], ...share } as FlowFixture['tree']),
    );
    for (const publisher of moved) await publisher.publishPending();
    expect(await fixture.flow.catalog.promotions.get(waiting)).toMatchObject({
      state: 'refused',
      items: [
        {
          problem: {
            detail: 'the channel stable does not stand in the tree main any more: promote app to it again',
          },
        },
      ],
    });
    expect(await tagsIn(fixture, 'main')).toEqual({});
    expect(await serialOf(fixture, 'internal')).toBeUndefined();
  });
});

test('what no tree has is the main one’s: channels that are gone, and promotions of trees that are', () => {
  const [main, internal] = shareOut(['internal'], CHANNELS) as [FlowFixture['tree'], FlowFixture['tree']];
  const owns = (channel: string) => [ownsChannel(main, channel), ownsChannel(internal, channel)];
  expect(owns('stable')).toEqual([true, false]);
  expect(owns('inside')).toEqual([false, true]);
  expect(owns('held')).toEqual([true, false]);
  expect(owns('gone')).toEqual([true, false]);
  const has = (tree?: string) =>
    [main, internal].map((one) => ownsPromotion(one, tree === undefined ? {} : { tree }));
  expect(has()).toEqual([true, false]);
  expect(has('internal')).toEqual([false, true]);
  expect(has('gone')).toEqual([true, false]);
  expect(main.name).toBe(MAIN_TREE);
});

/** The digests that the images of these texts have and no other image of the fixture. */
async function digestsOnlyOf({ flow }: FlowFixture, texts: readonly string[]): Promise<Set<string>> {
  const below = async (roots: readonly Digest[]): Promise<Set<string>> => {
    const found = new Set<string>();
    let level = [...roots];
    while (level.length > 0) {
      const records = await flow.catalog.manifests.getAll(level);
      for (const { digest, blobs } of records.values())
        for (const one of [digest, ...blobs.map((blob) => blob.digest)]) found.add(hexOf(one));
      level = [...records.values()].flatMap(({ manifests }) => manifests);
    }
    return found;
  };
  const others = await below(rootsOf(['1', '2']));
  return (await below(rootsOf(texts))).difference(others);
}

function rootsOf(texts: readonly string[]): Digest[] {
  return texts.flatMap((text) => [image(text).digest, signature(image(text))[0].digest]);
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The files below a folder that hold any of the words in their names or their bytes, or are compressed and have it there. */
async function filesNaming(
  folder: string,
  words: readonly string[],
  { names = false } = {},
): Promise<string[]> {
  const all = words.map(hexOf);
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const text = names ? '' : await readFile(file, 'latin1');
    const word = all.find((one) => file.slice(folder.length).includes(one) || text.includes(one));
    if (word !== undefined) found.push(`${file}: ${word}`);
  }
  return found;
}
