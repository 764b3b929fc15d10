import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { directoryTree, type LaidRepository, layTree, verifyTree } from '@gantry/tree';
import { run } from '../../test/servers/run.ts';
import { besideAim, median, type Result } from './results.ts';

const REPOSITORIES = Number(process.env['GANTRY_BENCH_REPOSITORIES'] ?? 100_000);
const TAGS = 20;
const LAYERS = 256;
const LAYER_BYTES = 4 * 1024 * 1024;
const ROUNDS = 3;
const ROOTS_AIM_S = 2;
const TIMEOUT_MS = 30 * 60_000;
/** What an admin has at hand: every byte of a tree, on two cores. */
const SHA256SUM = 'find . -type f -print0 | xargs -0 -n 100 -P 2 sha256sum > /dev/null';

/**
 * Verification of trees in a folder: 100,000 repositories by their roots; a tenth of them with 20 tags each, whole and
 * deep; and one of large layers, deep. The deep ones are held to `sha256sum` on two cores, in turn with it.
 */
export async function benchVerify(): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-verify-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);

  await layTree(at('many'), { repositories: repositories(REPOSITORIES, 1) });
  const roots: number[] = [];
  for (let round = 0; round < ROUNDS; round++) roots.push(await verified(at('many'), { roots: true }));
  await rm(at('many'), { recursive: true });

  const some = REPOSITORIES / 10;
  await layTree(at('small'), { repositories: repositories(some, TAGS) });
  const whole = await verified(at('small'), {});
  const small = await inTurn(at('small'));
  await rm(at('small'), { recursive: true });

  await layTree(at('large'), { repositories: largeLayers() });
  const large = await inTurn(at('large'));

  const bytes = `${LAYERS} layers of ${LAYER_BYTES / 1024 / 1024} MiB`;
  return [
    besideAim(`verify --roots, ${REPOSITORIES} repositories`, roots, ROOTS_AIM_S),
    {
      name: `verify, ${some} repositories of ${TAGS} tags`,
      unit: 's',
      gantry: whole,
      peer: 'the same, --deep',
      peerValue: small.deepS,
      ratio: whole / small.deepS,
    },
    besideSha256sum(`verify --deep, ${some} repositories of ${TAGS} tags, small files`, small),
    besideSha256sum(`verify --deep, ${bytes}`, large),
  ];
}

interface InTurn {
  readonly deepS: number;
  readonly sumS: number;
}

function besideSha256sum(name: string, { deepS, sumS }: InTurn): Result {
  return {
    name,
    unit: 's',
    gantry: deepS,
    peer: 'sha256sum on 2 cores',
    peerValue: sumS,
    ratio: deepS / sumS,
  };
}

async function inTurn(directory: string): Promise<InTurn> {
  const [deep, sum]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    deep.push(await verified(directory, { deep: true }));
    const start = performance.now();
    await run('sh', ['-c', SHA256SUM], { cwd: directory, timeoutMs: TIMEOUT_MS });
    sum.push((performance.now() - start) / 1000);
  }
  return { deepS: median(deep), sumS: median(sum) };
}

/** Seconds that it takes. */
async function verified(directory: string, level: { roots?: true; deep?: true }): Promise<number> {
  const start = performance.now();
  const { errors, findings } = await verifyTree(directoryTree(directory), level);
  if (errors > 0) throw new Error(JSON.stringify(findings.slice(0, 3)));
  return (performance.now() - start) / 1000;
}

const LAYER = Buffer.alloc(1000, 'layer');

/** Each tag has an image of its own: a config, and the one layer. */
function repositories(count: number, tags: number): LaidRepository[] {
  return Array.from({ length: count }, (_, number) => {
    const images = Array.from({ length: tags }, (_unused, tag) => image(`${number}:${tag}`, LAYER));
    return {
      name: `team${number % 97}/project-${number}/image`,
      tags: new Map(images.map(({ manifest }, tag) => [`v${tag}`, digestOf(manifest)])),
      manifests: images.map(({ manifest }) => manifest),
      blobs: [LAYER, ...images.map(({ config }) => config)],
    };
  });
}

function largeLayers(): LaidRepository[] {
  return Array.from({ length: LAYERS }, (_, number) => {
    const layer = Buffer.alloc(LAYER_BYTES, createHash('sha512').update(String(number)).digest());
    const { config, manifest } = image(String(number), layer);
    return {
      name: `large/project-${number}`,
      tags: { '1': digestOf(manifest) },
      manifests: [manifest],
      blobs: [config, layer],
    };
  });
}

function image(name: string, layer: Buffer): { config: Buffer; manifest: Buffer } {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', name }));
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
    config: descriptorOf('application/vnd.oci.image.config.v1+json', config),
    layers: [descriptorOf('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
  });
  return { config, manifest: Buffer.from(manifest) };
}

function descriptorOf(mediaType: string, bytes: Buffer) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
