import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { type LaidRepository, layTree } from '@gantry/tree';
import { startRsyncd } from '../../test/servers/rsyncd.ts';
import { run } from '../../test/servers/run.ts';
import { besideAim, median, type Result } from './results.ts';

const SCRIPT = fileURLToPath(new URL('../mirror/gantry-mirror', import.meta.url));
const REPOSITORIES = Number(process.env['GANTRY_BENCH_REPOSITORIES'] ?? 100_000);
const ROUNDS = 3;
/** One of 50 repositories is in this channel. */
const CHOSEN = 50;
const AIM_S = 1;
const TIMEOUT_MS = 30 * 60_000;

/**
 * Mirrors of a tree of 100,000 repositories from an rsync daemon: the first copy and one serial more, by the kit and by
 * `rsync -a`, in turn; and a part of the tree by the kit.
 */
export async function benchMirror(): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-mirror-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  await layTree(at('master'), { repositories: repositories(0) });
  const { url } = opened.use(await startRsyncd(at('master')));

  const kit = () => timed('sh', [SCRIPT, url, at('kit')]);
  const part = () => timed('sh', [SCRIPT, '--channel', 'few', url, at('part')]);
  const plain = () => timed('rsync', ['-a', '--modify-window=-1', `${url}/`, `${at('plain')}/`]);
  const first: { kit: number[]; plain: number[] } = { kit: [], plain: [] };
  // Each is once the one that finds what the machine has just read.
  for (const which of ['plain', 'kit', 'kit', 'plain'] as const) {
    await rm(at(which), { recursive: true, force: true });
    first[which].push(await (which === 'kit' ? kit() : plain()));
  }
  const [firstS, plainFirstS] = [median(first.kit), median(first.plain)];
  const firstPartS = await part();
  const [kitS, plainS, partS]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= ROUNDS; round++) {
    await layTree(at('master'), { repositories: repositories(round) });
    kitS.push(await kit());
    plainS.push(await plain());
    partS.push(await part());
  }
  const peer = 'rsync -a';
  const many = `${REPOSITORIES} repositories`;
  return [
    {
      name: `first mirror, ${many}`,
      unit: 's',
      gantry: firstS,
      peer,
      peerValue: plainFirstS,
      ratio: firstS / plainFirstS,
    },
    {
      name: `one serial more, ${many}`,
      unit: 's',
      gantry: median(kitS),
      peer,
      peerValue: median(plainS),
      ratio: median(kitS) / median(plainS),
    },
    besideAim(`one serial more, ${many}`, kitS, AIM_S),
    {
      name: `one serial more of a channel of ${REPOSITORIES / CHOSEN} repositories among ${many}`,
      unit: 's',
      gantry: median(partS),
      peer: 'its first mirror',
      peerValue: firstPartS,
      ratio: median(partS) / firstPartS,
    },
  ];
}

async function timed(command: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  await run(command, args, { timeoutMs: TIMEOUT_MS });
  return (performance.now() - start) / 1000;
}

/** All repositories, each of one tag; in each round the first one has another image. */
function repositories(round: number): LaidRepository[] {
  const [config, layer] = [Buffer.from('{}'), Buffer.alloc(1000, 'layer')];
  return Array.from({ length: REPOSITORIES }, (_, number) => {
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
        config: {
          mediaType: 'application/vnd.oci.image.config.v1+json',
          digest: digestOf(config),
          size: config.length,
        },
        layers: [
          {
            mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
            digest: digestOf(layer),
            size: layer.length,
          },
        ],
        annotations: { number: String(number), round: number === 0 ? String(round) : '0' },
      }),
    );
    return {
      name: `team${number % 97}/project-${number}/image`,
      channel: number % CHOSEN === 0 ? 'few' : 'many',
      tags: { '1': digestOf(bytes) },
      manifests: [bytes],
      blobs: [config, layer],
    };
  });
}
