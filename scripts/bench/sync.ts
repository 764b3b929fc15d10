import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { ContentFetcher, createSource, type Flow, Progress, syncSource } from '@gantry/pipeline';
import { openRegistry } from '@gantry/registry';
import { openStore } from '@gantry/store';
import { fillForBenchmark } from '../../test/fixtures/benchmark-content.ts';
import { startDockerRegistry } from '../../test/servers/docker-registry.ts';
import { median, type Result } from './results.ts';

const ROUNDS = 3;
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * A cold sync of 40 repositories × 5 tags, and a second one that finds no change, from Debian's docker-registry; beside
 * it regsync, which copies the same registry into another. In turn, so that both meet the same machine.
 */
export async function benchSync(): Promise<Result[]> {
  await using upstream = await startDockerRegistry();
  const { blobs, bytes } = await fillForBenchmark({ url: upstream.url });
  const ours: Timing[] = [];
  const theirs: Timing[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await timeRegsync(upstream.url));
    ours.push(await timeGantry(upstream.url));
  }
  const compare = (name: string, pick: (timing: Timing) => number): Result => {
    const [gantry, regsync] = [median(ours.map(pick)), median(theirs.map(pick))];
    return {
      name,
      unit: 's',
      gantry,
      peer: 'regsync',
      peerValue: regsync,
      ratio: gantry / regsync,
      note: `${blobs} blobs, ${bytes} bytes`,
    };
  };
  return [compare('cold sync', ({ coldS }) => coldS), compare('sync without a change', ({ sameS }) => sameS)];
}

interface Timing {
  readonly coldS: number;
  readonly sameS: number;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function timeGantry(url: string): Promise<Timing> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  try {
    await using catalog = await openCatalog({ sqlite: { file: join(root, 'catalog.db') } });
    await using store = await openStore({ filesystem: { root: join(root, 'store') } });
    await using registry = openRegistry({ name: 'bench', url });
    const flow: Flow = { catalog, store, log: silent, now: () => new Date(), holder: 'bench' };
    const source = createSource({ name: 'bench', repositories: ['**'], referrers: true }, registry);
    const fetcher = new ContentFetcher(catalog, store);
    const sync = async () => {
      const { state, errors } = await syncSource(flow, source, fetcher, {
        id: 'bench',
        progress: new Progress(),
        signal: new AbortController().signal,
      });
      if (state !== 'done') throw new Error(`the sync ended ${state}: ${JSON.stringify(errors.slice(0, 3))}`);
    };
    return { coldS: await timed(sync), sameS: await timed(sync) };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function timeRegsync(url: string): Promise<Timing> {
  await using target = await startDockerRegistry();
  const root = await mkdtemp(join(tmpdir(), 'gantry-bench-regsync-'));
  try {
    const file = join(root, 'regsync.yaml');
    const [from, to] = [new URL(url).host, new URL(target.url).host];
    await writeFile(
      file,
      JSON.stringify({
        version: 1,
        creds: [from, to].map((registry) => ({ registry, tls: 'disabled', reqConcurrent: 16 })),
        defaults: { parallel: 8 },
        sync: [{ source: from, target: to, type: 'registry' }],
      }),
    );
    const run = async () => {
      const child = spawn('regsync', ['once', '-c', file, '-v', 'error'], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`regsync ended with ${code}`);
    };
    return { coldS: await timed(run), sameS: await timed(run) };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
