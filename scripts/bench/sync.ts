import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fillForBenchmark } from '../../test/fixtures/benchmark-content.ts';
import { startDockerRegistry } from '../../test/servers/docker-registry.ts';
import { median, type Result } from './results.ts';

const ROUNDS = 3;
const run = promisify(execFile);
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

export interface Timing {
  readonly coldS: number;
  readonly sameS: number;
  readonly maxRssMiB?: number;
}

/**
 * A cold sync of 40 repositories × 5 tags, and further ones that find no change, from Debian's docker-registry; beside it
 * regsync, into another registry and into OCI layouts, skopeo, and what the machine needs to copy and to hash the same
 * bytes on one core. In turn, so that all meet the same machine.
 */
export async function benchSync(): Promise<Result[]> {
  await using upstream = await startDockerRegistry();
  const { blobs, bytes } = await fillForBenchmark({ url: upstream.url });
  const ours: Timing[] = [];
  const toRegistry: Timing[] = [];
  const toLayouts: Timing[] = [];
  const copyAndHash: Timing[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const say = (what: string) => console.error(`  round ${round} of ${ROUNDS}: ${what}`);
    say('regsync into a registry');
    toRegistry.push(await inFolder((folder) => timeRegsyncToRegistry(upstream.url, folder)));
    await inFolder(async (folder) => {
      say('gantry');
      ours.push(await timeGantry(upstream.url, folder));
      say('cp and sha256sum');
      copyAndHash.push(await timeCopyAndHash(folder));
    });
    say('regsync into layouts');
    toLayouts.push(
      await inFolder((folder) =>
        timeRegsync(upstream.url, folder, `ocidir://${folder}/oci`, 'registry-to-ocidir'),
      ),
    );
  }
  console.error('  skopeo');
  const skopeo = await inFolder((folder) => timeSkopeo(upstream.url, folder));
  const note = `${blobs} blobs, ${bytes} bytes`;
  const cold = (timing: Timing) => timing.coldS;
  const same = (timing: Timing) => timing.sameS;
  const compare = (
    name: string,
    pick: (timing: Timing) => number,
    peer: string,
    theirs: readonly Timing[],
  ): Result => {
    const [gantry, peerValue] = [median(ours.map(pick)), median(theirs.map(pick))];
    return { name, unit: 's', gantry, peer, peerValue, ratio: gantry / peerValue, note };
  };
  return [
    compare('cold sync', cold, 'regsync into a registry', toRegistry),
    compare('cold sync', cold, 'regsync into OCI layouts', toLayouts),
    compare('cold sync', cold, 'skopeo sync to a directory', [skopeo]),
    compare('cold sync', cold, 'cp -r and sha256sum on one core', copyAndHash),
    compare('sync without a change', same, 'regsync into a registry', toRegistry),
    compare('sync without a change', same, 'regsync into OCI layouts', toLayouts),
    {
      name: 'memory of both syncs',
      unit: 'MiB',
      gantry: median(ours.map(({ maxRssMiB = 0 }) => maxRssMiB)),
      peer: 'the bound',
      peerValue: 200,
      ratio: median(ours.map(({ maxRssMiB = 0 }) => maxRssMiB)) / 200,
    },
  ];
}

/** Gives `work` a folder, which is removed afterwards. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Syncs all of a registry in a process of its own. */
export async function timeGantry(url: string, folder: string): Promise<Timing> {
  const { stdout } = await run(process.execPath, [here('sync-once.ts'), url, folder]);
  return JSON.parse(stdout) as Timing;
}

/** The bytes that a sync has just brought, copied and then hashed on one core. */
async function timeCopyAndHash(folder: string): Promise<Timing> {
  const blobs = join(folder, 'store', 'blobs');
  const copy = join(folder, 'copy');
  const command = `cp -r '${blobs}' '${copy}' && find '${copy}' -type f -exec sha256sum {} +`;
  const coldS = await timed(() => run('taskset', ['-c', '0', 'sh', '-c', command], { maxBuffer: 64e6 }));
  return { coldS, sameS: Number.NaN };
}

async function timeRegsyncToRegistry(url: string, folder: string): Promise<Timing> {
  await using target = await startDockerRegistry();
  return await timeRegsync(url, folder, new URL(target.url).host, 'registry');
}

/** regsync copies a whole registry into another; into layouts it wants each repository named. */
async function timeRegsync(
  url: string,
  folder: string,
  target: string,
  type: 'registry' | 'registry-to-ocidir',
): Promise<Timing> {
  const host = new URL(url).host;
  const sync =
    type === 'registry'
      ? [{ source: host, target, type }]
      : (await repositoriesOf(url)).map((name) => ({
          source: `${host}/${name}`,
          target: `${target}/${name}`,
          type: 'repository',
        }));
  const hosts = [host, ...(type === 'registry' ? [target] : [])];
  const file = join(folder, 'regsync.yaml');
  const creds = hosts.map((registry) => ({ registry, tls: 'disabled', reqConcurrent: 16 }));
  await writeFile(file, JSON.stringify({ version: 1, creds, defaults: { parallel: 8 }, sync }));
  const once = () => run('regsync', ['once', '-c', file, '-v', 'error']);
  return { coldS: await timed(once), sameS: await timed(once) };
}

async function timeSkopeo(url: string, folder: string): Promise<Timing> {
  const host = new URL(url).host;
  const file = join(folder, 'skopeo.yaml');
  const images = Object.fromEntries((await repositoriesOf(url)).map((name) => [name, []]));
  await writeFile(file, JSON.stringify({ [host]: { 'tls-verify': false, images } }));
  const coldS = await timed(() =>
    run('skopeo', ['sync', '--all', '--src', 'yaml', '--dest', 'dir', file, join(folder, 'out')], {
      maxBuffer: 64e6,
    }),
  );
  return { coldS, sameS: coldS };
}

async function repositoriesOf(url: string): Promise<string[]> {
  const answer = await fetch(`${url}/v2/_catalog?n=1000`);
  return ((await answer.json()) as { repositories: string[] }).repositories;
}
