import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { makeImage, makeLayer, type MadeManifest } from '@gantry/registry';
import { push } from '../fixtures/build-registry.ts';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { startDockerRegistry } from '../servers/docker-registry.ts';
import { embeddedConfiguration, gantry, writeConfiguration } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { withLogs } from '../servers/process.ts';
import { attempt } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startToxiproxy, type Toxic } from '../servers/toxiproxy.ts';
import { SEED, SOAK } from './soak.ts';

/** Debian's docker-registry behind a network that breaks: the sync ends complete, and fetches nothing again that was whole. */
const real = needs('docker-registry', 'toxiproxy-server');

const AMD64 = { os: 'linux', architecture: 'amd64' };
const base = makeLayer([{ path: '/base', content: randomBytes('toxic base', 400_000) }]);
const IMAGES: readonly MadeManifest[] = Array.from({ length: SOAK ? 40 : 4 }, (_, number) =>
  makeImage({
    platform: AMD64,
    layers: [base, makeLayer([{ path: '/own', content: randomBytes(`toxic ${number}`, 250_000) }])],
  }),
);
const BLOBS = new Map(IMAGES.flatMap(({ blobs }) => blobs.map((blob) => [blob.digest as string, blob.size])));

/** Each is added with a probability, so that a connection now and then gets through. */
const TOXICS: readonly { title: string; toxic: Toxic; probability: number }[] = [
  {
    title: 'connections that are closed after 150 kB (limit_data)',
    toxic: { type: 'limit_data', attributes: { bytes: 150_000 } },
    probability: 1,
  },
  {
    title: 'connections that say nothing and are closed (timeout)',
    toxic: { type: 'timeout', attributes: { timeout: 300 } },
    probability: 0.4,
  },
  {
    title: 'answers in small, slow pieces (slicer)',
    toxic: { type: 'slicer', attributes: { average_size: 3_000, size_variation: 1_500, delay: 500 } },
    probability: 1,
  },
  {
    title: 'connections that are reset (reset_peer)',
    toxic: { type: 'reset_peer', attributes: { timeout: 20 } },
    probability: 0.4,
  },
];

for (const { title, toxic, probability } of TOXICS) {
  real.test(
    `${title}: runs of sync end complete, and no blob that was whole comes twice`,
    async () => {
      await using opened = new AsyncDisposableStack();
      const folder = opened.use(await temporaryFolder('toxic')).path;
      await mkdir(folder, { recursive: true });
      const registry = opened.use(await startDockerRegistry());
      for (const [number, made] of IMAGES.entries())
        await push(registry, `app-${number % 2}`, made, `v${number}`);
      const toxiproxy = opened.use(await startToxiproxy(registry.host, SEED));
      const source = { name: 'builds', registry: toxiproxy.url, repositories: ['app-0', 'app-1'] };
      await writeConfiguration(folder, await embeddedConfiguration({ sources: [source] }));
      let said = '';
      const fetched = new Map<string, number>();
      try {
        const ends: number[] = [];
        await toxiproxy.add('bad', toxic, probability);
        // An item is given up after some attempts; a later run goes on from there. The network stays as it is.
        while (ends.at(-1) !== 0 && ends.length < 8) {
          const whole = await wholeBlobs(folder);
          const before = registry.requests().length;
          const outcome = await gantry(folder, ['sync', '--local'], { timeoutMs: 100_000 });
          said = outcome.stderr;
          ends.push(outcome.code);
          for (const request of registry.requests().slice(before)) {
            const digest = /^GET \/v2\/[^ ]+\/blobs\/(sha256:[0-9a-f]{64})$/.exec(request)?.[1];
            if (digest === undefined) continue;
            fetched.set(digest, (fetched.get(digest) ?? 0) + 1);
            expect([...whole]).not.toContain(digest);
          }
        }
        expect(ends.at(-1)).toBe(0);
        expect([...fetched.keys()].toSorted()).toEqual([...BLOBS.keys()].toSorted());
        expect(await wholeBlobs(folder)).toEqual(
          expect.objectContaining({ size: BLOBS.size + IMAGES.length }),
        );
      } catch (error) {
        throw withLogs(error, [registry, toxiproxy], `seed ${SEED}; the last run said: ${said}`);
      }
    },
    SOAK ? 900_000 : 180_000,
  );
}

/** The digests that the store has. */
async function wholeBlobs(folder: string): Promise<ReadonlySet<string>> {
  const { stdout } = await attempt('find', [path.join(folder, 'data/store/blobs/sha256'), '-type', 'f']);
  return new Set(
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => `sha256:${path.basename(line)}`),
  );
}
