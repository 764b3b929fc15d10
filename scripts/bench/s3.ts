import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openStore } from '@gantry/store';
import { fillForBenchmark } from '../../test/fixtures/benchmark-content.ts';
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

/**
 * A cold sync of the sync benchmark's content from Debian's docker-registry into a bucket of versitygw, beside an upload of
 * the same blobs, that lie on disk, with the AWS SDK alone. In turn, each into a new bucket.
 */
export async function benchS3(): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const upstream = opened.use(await startDockerRegistry());
  const server = opened.use(await startVersitygw());
  const { blobs, bytes } = await fillForBenchmark({ url: upstream.url });
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const files = join(folder, 'blobs');
  await keepAsFiles(upstream.url, folder, files);
  const ours: Timing[] = [];
  const theirs: { readonly uploadS: number; readonly maxRssMiB: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const peerBucket = JSON.stringify(await server.makeBucket(`peer-${round}`));
    const upload = await run(process.execPath, [here('aws-sdk-upload.js'), files, peerBucket]);
    theirs.push(JSON.parse(upload.stdout) as { uploadS: number; maxRssMiB: number });
    const place = JSON.stringify({ s3: await server.makeBucket(`ours-${round}`) });
    const catalog = join(folder, `round-${round}`);
    await mkdir(catalog);
    const sync = await run(process.execPath, [here('sync-once.ts'), upstream.url, catalog, place]);
    ours.push(JSON.parse(sync.stdout) as Timing);
  }
  const note = `${blobs} blobs, ${bytes} bytes; each round: ${ours
    .map(({ coldS }, round) => `${coldS.toFixed(1)} s beside ${theirs[round]?.uploadS.toFixed(1)} s`)
    .join(', ')}`;
  const gantry = median(ours.map(({ coldS }) => coldS));
  const peerValue = median(theirs.map(({ uploadS }) => uploadS));
  const memory = Math.max(...ours.map(({ maxRssMiB }) => maxRssMiB));
  return [
    {
      name: 'cold sync into S3',
      unit: 's',
      gantry,
      peer: 'aws-sdk upload',
      peerValue,
      ratio: gantry / peerValue,
      note,
    },
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

/** The blobs as files: what a sync into files leaves in its store. */
async function keepAsFiles(url: string, folder: string, target: string): Promise<void> {
  await run(process.execPath, [here('sync-once.ts'), url, folder]);
  await mkdir(target);
  const root = join(folder, 'store');
  await using store = await openStore({ filesystem: { root } });
  for await (const { digest } of store.list()) {
    const [algorithm = '', hex = ''] = digest.split(':');
    await copyFile(join(root, 'blobs', algorithm, hex.slice(0, 2), hex), join(target, hex));
  }
}
