import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openCatalog, openCatalogTransfer } from '@gantry/catalog';
import { createPublisher, openFilesystemTarget, type PublishedTree, RETENTION } from '@gantry/pipeline';
import { hasFiles, openStore } from '@gantry/store';
import { directoryTree, readStatement } from '@gantry/tree';
import { startService } from '../../test/end-to-end/engines-world.ts';
import { freePort } from '../../test/servers/free-port.ts';
import { ADMIN_TOKEN, writeConfiguration } from '../../test/servers/gantry.ts';
import { run } from '../../test/servers/run.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import { fillStore, nameAt, publishEntries, type Size } from './publish-content.ts';
import { layPublished } from './publish-tree.ts';
import { besideAim, type Result } from './results.ts';

const ROUNDS = 15;
const AIM_S = 0.1;
const LOOK_EVERY_MS = 1;
const DAY_MS = 86_400_000;
/** Times what hardlinks alone take. */
const FIRST_AIM = 5;
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/** Where a bench's store, tree and catalog lie. */
interface Place {
  readonly folder: string;
  readonly store: { readonly filesystem: { readonly root: string } };
  readonly tree: string;
  readonly catalog: { readonly sqlite: { readonly file: string } };
}

/**
 * One tag at a time, from the answer that its promotion was accepted until the tree's pointer has moved, by a real promote
 * process: into a large tree, a larger one, and a repository of very many tags. And the first publication of the large tree
 * beside `cp -al` of as many files.
 */
export async function benchPublish({
  large = { repositories: 10_000, tags: 20 },
  larger = { repositories: 100_000, tags: 2 },
  manyTags = 50_000,
  rounds = ROUNDS,
} = {}): Promise<Result[]> {
  const results: Result[] = [];
  const add = (result: Result) => {
    results.push(result);
    console.error(
      `${result.name}: ${result.gantry.toPrecision(3)} ${result.unit}, ${result.ratio.toFixed(2)} of ${result.peer}; ${result.note}`,
    );
  };
  {
    await using folder = await temporaryFolder('bench-publish');
    const place = placeIn(folder.path);
    const files = await fill(place, large, rounds);
    add(await firstPublication(place, large, files));
    add(await oneTag(place, `a tree of ${sizeName(large)}`, rounds));
  }
  for (const size of [larger, { repositories: 1, tags: manyTags }]) {
    await using folder = await temporaryFolder('bench-publish');
    const place = placeIn(folder.path);
    await fillStoreOf(place, { repositories: 0, tags: 0 }, rounds);
    await load(place, layPublished(place.tree, size, rounds, nameAt(0))());
    add(await oneTag(place, `a tree of ${sizeName(size)}`, rounds));
  }
  return results;
}

function sizeName({ repositories, tags }: Size): string {
  const many = repositories === 1 ? 'one repository' : `${repositories} repositories`;
  return `${many} of ${tags} tags`;
}

function placeIn(folder: string): Place {
  return {
    folder,
    store: { filesystem: { root: path.join(folder, 'store') } },
    tree: path.join(folder, 'tree'),
    catalog: { sqlite: { file: path.join(folder, 'catalog.db') } },
  };
}

/** @returns how many files are in the store */
async function fillStoreOf({ store: configuration }: Place, size: Size, rounds: number): Promise<number> {
  await using store = await openStore(configuration);
  if (!hasFiles(store)) throw new Error('the store has no files');
  return fillStore((digest) => store.pathOf(digest), size, rounds);
}

async function fill(place: Place, size: Size, rounds: number): Promise<number> {
  const files = await fillStoreOf(place, size, rounds);
  await load(place, publishEntries(size, rounds, nameAt(0)));
  return files;
}

async function load({ catalog }: Place, entries: ReturnType<typeof publishEntries>): Promise<void> {
  await using filling = await openCatalogTransfer(catalog, 'target');
  await filling.load(entries);
}

async function firstPublication(place: Place, size: Size, files: number): Promise<Result> {
  await run('sync', []); // what was filled in is not to be written while others are timed
  const linked = path.join(place.folder, 'linked');
  const peerS = await seconds(async () => {
    await mkdir(linked);
    await run('cp', ['-al', place.store.filesystem.root, linked], { timeoutMs: 600_000 });
  });
  await rm(linked, { recursive: true });
  await run('sync', []);

  await using store = await openStore(place.store);
  await using catalog = await openCatalog(place.catalog);
  const tree: PublishedTree = {
    name: 'main',
    target: await openFilesystemTarget(place.tree, store),
    channels: [{ name: 'stable', prefix: '', publish: true }],
    keepUntaggedMs: 30 * DAY_MS,
    retention: RETENTION,
    refreshMs: DAY_MS,
  };
  const flow = { catalog, store, log: SILENT, now: () => new Date(), holder: 'bench' };
  const gantryS = await seconds(() => createPublisher(flow, tree).publishAll());
  const added = (await catalog.publications.latest('main'))?.added.objects ?? Number.NaN;
  const [ours, theirs] = [gantryS / added, peerS / files];
  return {
    name: `first publication of ${sizeName(size)}, a file`,
    unit: 's',
    gantry: ours,
    peer: 'cp -al, a file',
    peerValue: theirs,
    ratio: ours / theirs,
    note: `${added} files in ${gantryS.toFixed(1)} s, ${files} by cp -al in ${peerS.toFixed(1)} s; the aim is a ratio of ${FIRST_AIM}`,
  };
}

/** Promotes a fresh image to the same tag in each round. */
async function oneTag(place: Place, where: string, rounds: number): Promise<Result> {
  const listen = `127.0.0.1:${await freePort()}`;
  const file = await writeConfiguration(place.folder, {
    storage: place.store,
    tree: { filesystem: { root: place.tree } },
    catalog: place.catalog,
    channels: [{ name: 'stable' }],
    api: { listen, tokens: [{ name: 'bench', token: ADMIN_TOKEN, scopes: ['admin'] }] },
  });
  const quiet = { GANTRY_LOG_LEVEL: 'warn' };
  await using _ = await startService('promote', place.folder, file, quiet, `http://${listen}/readyz`);
  const source = directoryTree(place.tree);
  const serial = async () => (await readStatement(source))?.statement.serial ?? 0;
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const before = await serial();
    const response = await fetch(`http://${listen}/api/v1/promotions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        items: [{ repository: nameAt(0), reference: `fresh-${round}`, tags: ['v1.0'] }],
        to: 'stable',
      }),
    });
    const accepted = performance.now();
    const answer = await response.text();
    if (!response.ok) throw new Error(`${response.status} of the promotion: ${answer.slice(0, 1000)}`);
    while ((await serial()) === before) await pause(LOOK_EVERY_MS);
    times.push((performance.now() - accepted) / 1000);
    await pause(100); // until the promotion's own end, as this is one at a time
  }
  return besideAim(`one tag, from accepted to the pointer moved, in ${where}`, times, AIM_S);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
