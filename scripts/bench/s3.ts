import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Descriptor, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { openStore } from '@gantry/store';
import { BENCHMARK, fillForBenchmark } from '../../test/fixtures/benchmark-content.ts';
import { startDockerRegistry } from '../../test/servers/docker-registry.ts';
import { startVersitygw } from '../../test/servers/versitygw.ts';
import { median, type Result } from './results.ts';

const ROUNDS = 3;
const run = promisify(execFile);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Timing {
  readonly coldS: number;
  readonly sameS: number;
  readonly maxRssMiB: number;
}

interface Upload {
  readonly uploadS: number;
  readonly maxRssMiB: number;
}

/**
 * A cold sync of the sync benchmark's content from Debian's docker-registry into a bucket of versitygw, beside the AWS SDK
 * alone: it uploads the same blobs from a folder, and it copies them from the same registry. In turn, each into a new bucket.
 */
export async function benchS3(): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const upstream = opened.use(await startDockerRegistry());
  const server = opened.use(await startVersitygw());
  const { blobs, bytes } = await fillForBenchmark({ url: upstream.url });
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const { files, addresses } = await listContent(upstream.url, folder);
  const ours: Timing[] = [];
  const uploads: Upload[] = [];
  const copies: Upload[] = [];
  const bucketFor = async (who: string, round: number) => await server.makeBucket(`${who}-${round}`);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [who, source, results] of [
      ['upload', files, uploads],
      ['copy', addresses, copies],
    ] as const) {
      const place = JSON.stringify(await bucketFor(who, round));
      results.push(await runScript<Upload>('aws-sdk-upload.js', [source, place]));
    }
    const place = JSON.stringify({ s3: await bucketFor('sync', round) });
    const catalog = join(folder, `round-${round}`);
    await mkdir(catalog);
    ours.push(await runScript<Timing>('sync-once.ts', [upstream.url, catalog, place]));
  }
  const gantry = median(ours.map(({ coldS }) => coldS));
  const compare = (peer: string, theirs: readonly Upload[]): Result => {
    const peerValue = median(theirs.map(({ uploadS }) => uploadS));
    const rounds = ours.map(({ coldS }, round) => `${coldS.toFixed(1)}/${theirs[round]?.uploadS.toFixed(1)}`);
    const note = `${blobs} blobs, ${bytes} bytes; seconds in each round: ${rounds.join(', ')}`;
    return { name: 'cold sync into S3', unit: 's', gantry, peer, peerValue, ratio: gantry / peerValue, note };
  };
  const memory = Math.max(...ours.map(({ maxRssMiB }) => maxRssMiB));
  return [
    compare('aws-sdk, upload from a folder', uploads),
    compare('aws-sdk, copy from the same registry', copies),
    {
      name: 'memory of a sync into S3',
      unit: 'MiB',
      gantry: memory,
      peer: 'the bound',
      peerValue: 250,
      ratio: memory / 250,
    },
  ];
}

async function runScript<T>(name: string, args: readonly string[]): Promise<T> {
  const { stdout } = await run(process.execPath, [here(name), ...args]);
  return JSON.parse(stdout) as T;
}

/** What a sync brings: as a folder of files, and as the addresses of all blobs in the registry. */
async function listContent(url: string, folder: string): Promise<{ files: string; addresses: string }> {
  await run(process.execPath, [here('sync-once.ts'), url, folder]);
  const files = join(folder, 'blobs');
  const addresses = join(folder, 'addresses');
  await mkdir(files);
  const root = join(folder, 'store');
  await using store = await openStore({ filesystem: { root } });
  const found: string[] = [];
  for await (const { digest } of store.list()) {
    const [algorithm = '', hex = ''] = digest.split(':');
    await copyFile(join(root, 'blobs', algorithm, hex.slice(0, 2), hex), join(files, hex));
  }
  for (let number = 0; number < BENCHMARK.repositories; number++) {
    const repository = `bench/repository-${String(number).padStart(2, '0')}`;
    const { tags } = (await (await fetch(`${url}/v2/${repository}/tags/list`)).json()) as { tags: string[] };
    const digests = new Set<string>();
    for (const tag of tags) {
      const place = `${url}/v2/${repository}/manifests/${tag}`;
      const answer = await fetch(place, { headers: { Accept: MANIFEST_MEDIA_TYPES['oci-manifest'] } });
      const { config, layers } = (await answer.json()) as { config: Descriptor; layers: Descriptor[] };
      for (const { digest } of [config, ...layers]) digests.add(digest);
    }
    found.push(...[...digests].map((digest) => `${url}/v2/${repository}/blobs/${digest}`));
  }
  await writeFile(addresses, found.join('\n'));
  return { files, addresses };
}
