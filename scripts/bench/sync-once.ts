import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { ContentFetcher, createSource, type Flow, Progress, syncSource } from '@gantry/pipeline';
import { openRegistry } from '@gantry/registry';
import { openStore } from '@gantry/store';

// One cold sync and one without a change, in a process of its own, so that its memory is its own: node sync-once.ts URL FOLDER

const [url = '', root = ''] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
await using catalog = await openCatalog({ sqlite: { file: join(root, 'catalog.db') } });
await using store = await openStore({ filesystem: { root: join(root, 'store') } });
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
const sameS = await sync();
console.log(JSON.stringify({ coldS, sameS, maxRssMiB: process.resourceUsage().maxRSS / 1024 }));
