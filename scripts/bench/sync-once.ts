import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { ContentFetcher, createSource, type Flow, Progress, syncSource } from '@gantry/pipeline';
import { openRegistry } from '@gantry/registry';
import { openStore, type StoreConfiguration } from '@gantry/store';
import { peakMemoryBytes } from '../../test/fixtures/peak-memory.ts';
import { median } from './results.ts';

// One cold sync and five without a change, in a process of its own, so that its memory is its own: node sync-once.ts URL FOLDER [STORE]
// STORE is JSON, as openStore takes it; absent: files in the folder.

/** What runs for months is warm: the first sync of a process tells little of the rest. */
const SAME_ROUNDS = 5;

const [url = '', root = '', place] = process.argv.slice(2);
const storage =
  place === undefined
    ? { filesystem: { root: join(root, 'store') } }
    : (JSON.parse(place) as StoreConfiguration);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
await using catalog = await openCatalog({ sqlite: { file: join(root, 'catalog.db') } });
await using store = await openStore(storage);
await using registry = openRegistry({ name: 'bench', url });
const flow: Flow = { catalog, store, log: silent, now: () => new Date(), holder: 'bench' };
const source = createSource({ name: 'bench', repositories: ['**'], referrers: true }, registry);
const fetcher = new ContentFetcher(catalog, store);

async function sync(): Promise<number> {
  const start = performance.now();
  const { state, errors } = await syncSource(flow, source, fetcher, {
    id: 'bench',
    progress: new Progress(),
    signal: new AbortController().signal,
  });
  if (state !== 'done') throw new Error(`the sync ended ${state}: ${JSON.stringify(errors.slice(0, 3))}`);
  return (performance.now() - start) / 1000;
}

const coldS = await sync();
const same: number[] = [];
for (let round = 0; round < SAME_ROUNDS; round++) same.push(await sync());
const sameS = median(same);
console.log(JSON.stringify({ coldS, sameS, maxRssMiB: peakMemoryBytes() / 1024 ** 2 }));
