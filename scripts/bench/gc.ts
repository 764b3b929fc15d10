import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { openCatalogTransfer } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import { hasFiles, openStore } from '@gantry/store';
import { startService } from '../../test/end-to-end/engines-world.ts';
import { freePort } from '../../test/servers/free-port.ts';
import { ADMIN_TOKEN, writeConfiguration } from '../../test/servers/gantry.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import { fillStore, nameAt } from './publish-content.ts';
import { layPublished } from './publish-tree.ts';
import type { Result } from './results.ts';

const ROUNDS = 4;
const PROMOTIONS = 100;
const SIZE = { repositories: 2000, tags: 20 };
/** Blobs that nothing reaches, in each round with a collection: condemned by one, deleted by the next. */
const GARBAGE = 2000;
const AIM = 1.2;

/**
 * Promotions one after the other, each from its request until it is done, by a promote process that has a collection of store
 * and tree running all the while, beside the same without: in turn, so that both meet the same machine.
 */
export async function benchGc({ rounds = ROUNDS, promotions = PROMOTIONS, size = SIZE } = {}): Promise<
  Result[]
> {
  await using folder = await temporaryFolder('bench-gc');
  const place = {
    storage: { filesystem: { root: path.join(folder.path, 'store') } },
    catalog: { sqlite: { file: path.join(folder.path, 'catalog.db') } },
    tree: path.join(folder.path, 'tree'),
  };
  const fresh = 2 * rounds * promotions;
  const pathOf = await storePaths(place.storage);
  fillStore(pathOf, size, fresh);
  {
    await using filling = await openCatalogTransfer(place.catalog, 'target');
    await filling.load(layPublished(place.tree, size, fresh, nameAt(0))());
  }
  const listen = `127.0.0.1:${await freePort()}`;
  const file = await writeConfiguration(folder.path, {
    storage: place.storage,
    catalog: place.catalog,
    tree: { filesystem: { root: place.tree } },
    channels: [{ name: 'stable' }],
    gc: { grace: '0s' },
    api: { listen, tokens: [{ name: 'bench', token: ADMIN_TOKEN, scopes: ['admin'] }] },
  });
  const quiet = { GANTRY_LOG_LEVEL: 'warn' };
  await using _ = await startService('promote', folder.path, file, quiet, `http://${listen}/readyz`);
  const call = caller(`http://${listen}/api/v1`);
  let next = 0;
  const promoteMany = async () => {
    const times: number[] = [];
    for (let n = 0; n < promotions; n++) {
      const began = performance.now();
      const { state } = await call('promotions', {
        items: [{ repository: nameAt(0), reference: `fresh-${next++}`, tags: ['v1.0'] }],
        to: 'stable',
      });
      if (state !== 'done') throw new Error(`a promotion is ${state}`);
      times.push(performance.now() - began);
    }
    return times;
  };
  await call('collections', {}); // both find what is read once already
  const [without, during]: [number[], number[]] = [[], []];
  let [collections, freed] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    without.push(...(await promoteMany()));
    putGarbage(pathOf, round);
    const over = new AbortController();
    const collecting = (async () => {
      while (!over.signal.aborted) {
        const { result } = await call('collections', {});
        collections++;
        freed += result?.store?.freed.blobs ?? 0;
      }
    })();
    during.push(...(await promoteMany()));
    over.abort();
    await collecting;
  }
  const [ours, theirs] = [p99(during), p99(without)];
  return [
    {
      name: `p99 of promotions during a collection of ${size.repositories} repositories of ${size.tags} tags`,
      unit: 'ms',
      gantry: ours,
      peer: 'without a collection',
      peerValue: theirs,
      ratio: ours / theirs,
      note: `${during.length} promotions each, ${collections} collections, ${freed} blobs freed; median ${middle(during).toFixed(1)} beside ${middle(without).toFixed(1)}; the aim is a ratio of ${AIM}`,
    },
  ];
}

async function storePaths(configuration: { readonly filesystem: { readonly root: string } }) {
  await using store = await openStore(configuration);
  if (!hasFiles(store)) throw new Error('the store has no files');
  return (digest: Parameters<typeof store.pathOf>[0]) => store.pathOf(digest);
}

function putGarbage(pathOf: Awaited<ReturnType<typeof storePaths>>, round: number): void {
  for (let n = 0; n < GARBAGE; n++) {
    const text = `garbage ${round} ${n}`;
    const place = pathOf(digestOf(text));
    mkdirSync(path.dirname(place), { recursive: true, mode: 0o700 });
    const file = openSync(place, 'w', 0o444);
    writeSync(file, text);
    closeSync(file);
  }
}

interface Answer {
  readonly state: string;
  readonly result?: { readonly store?: { readonly freed: { readonly blobs: number } } };
}

/** Asks for something, and waits for its end. */
function caller(api: string) {
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' };
  const wait = { ...headers, prefer: 'wait=60' };
  return async (what: string, body: object): Promise<Answer> => {
    const request = { method: 'POST', headers: wait, body: JSON.stringify(body) };
    const asked = await fetch(`${api}/${what}`, request);
    const text = await asked.text();
    if (!asked.ok) throw new Error(`${asked.status} of ${what}: ${text.slice(0, 1000)}`);
    const location = asked.headers.get('location');
    let answer = JSON.parse(text) as Answer;
    while (OPEN.has(answer.state)) {
      const again = await fetch(new URL(location ?? '', api), { headers: wait });
      answer = (await again.json()) as Answer;
    }
    return answer;
  };
}

const OPEN = new Set(['queued', 'running', 'gating', 'promoting', 'publishing']);

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
