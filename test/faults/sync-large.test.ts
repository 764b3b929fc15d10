import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { createInProcessRegistry, makeBlob, makeImage, makeLayer, makeManifest } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { embeddedConfiguration, gantry, writeConfiguration } from '../servers/gantry.ts';
import type { Outcome } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { SOAK } from './soak.ts';

/** Much at once: a layer of gigabytes, tens of thousands of tags. The memory of `gantry sync` follows neither. */

const MIB = 1024 * 1024;
/** 512 MiB, or 5 GB. */
const LAYER_BYTES = SOAK ? 5 * 1024 * MIB : 512 * MIB;
/** What a process may need for a layer at the most, however large it is: 200 MB. */
const LAYER_PEAK_MAX_MIB = 190;
/** What it may need for tags, however many there are. */
const PEAK_MAX_MIB = 400;
const PEAK_MEMORY = new URL('../fixtures/peak-memory.ts', import.meta.url).href;
const AMD64 = { os: 'linux', architecture: 'amd64' };

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder('large');
});
afterEach(() => folder[Symbol.asyncDispose](), 60_000);

/** One `gantry sync --local` in a process of its own, and the most memory that it needed. */
async function syncOnce(timeoutMs: number): Promise<Outcome & { peakMiB: number }> {
  const [note, reporter] = [path.join(folder.path, 'peak'), path.join(folder.path, 'reporter.mjs')];
  await rm(note, { force: true });
  await writeFile(
    reporter,
    `import { writeFileSync } from 'node:fs';
     import { peakMemoryBytes } from ${JSON.stringify(PEAK_MEMORY)};
     process.on('exit', () => writeFileSync(${JSON.stringify(note)}, String(peakMemoryBytes())));`,
  );
  const env = { NODE_OPTIONS: `--import ${reporter}` };
  const outcome = await gantry(folder.path, ['sync', '--local'], { env, timeoutMs });
  return { ...outcome, peakMiB: Number(await readFile(note, 'utf8')) / MIB };
}

async function configure(url: string, more: object = {}): Promise<void> {
  const sources = [{ name: 'builds', registry: url, repositories: ['large/app'], ...more }];
  await mkdir(folder.path, { recursive: true });
  await writeConfiguration(folder.path, await embeddedConfiguration({ sources }));
}

test(
  `a layer of ${LAYER_BYTES / MIB} MiB is streamed: the peak of memory stays below ${LAYER_PEAK_MAX_MIB} MiB`,
  async () => {
    // The same MiB over and over, each with its number in front: no piece is as another, and none has to be kept.
    const piece = randomBytes('large', MIB);
    const pieceAt = (number: number) => {
      piece.writeUInt32BE(number);
      return piece;
    };
    const hash = createHash('sha256');
    for (let number = 0; number < LAYER_BYTES / MIB; number++) hash.update(pieceAt(number));
    const digest = `sha256:${hash.digest('hex')}`;
    const config = makeBlob('application/vnd.oci.image.config.v1+json', JSON.stringify(AMD64));
    const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: LAYER_BYTES };
    const mediaType = MANIFEST_MEDIA_TYPES['oci-manifest'];
    const { bytes, digest: configDigest, size } = config;
    const manifest = makeManifest(
      mediaType,
      {
        schemaVersion: 2,
        mediaType,
        config: { mediaType: config.mediaType, digest: configDigest, size },
        layers: [layer],
      },
      [config],
    );
    const registry = createInProcessRegistry();
    registry.push('large/app', manifest, '1');
    registry.putBlob('large/app', bytes);
    const server = createServer((request, response) => {
      if (request.url?.endsWith(`/blobs/${digest}`) !== true) return registry.handler(request, response);
      response.writeHead(200, { 'content-length': LAYER_BYTES });
      void (async () => {
        for (let number = 0; number < LAYER_BYTES / MIB && !response.destroyed; number++)
          await new Promise((sent) => response.write(Buffer.from(pieceAt(number)), sent));
        response.end();
      })();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await configure(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      const { code, stderr, peakMiB } = await syncOnce(SOAK ? 1_200_000 : 120_000);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const hex = digest.slice('sha256:'.length);
      const file = path.join(folder.path, 'data/store/blobs/sha256', hex.slice(0, 2), hex);
      expect((await stat(file)).size).toBe(LAYER_BYTES);
      expect(peakMiB).toBeGreaterThan(10);
      expect(peakMiB).toBeLessThan(LAYER_PEAK_MAX_MIB);
    } finally {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    }
  },
  SOAK ? 1_800_000 : 180_000,
);

const image = makeImage({ platform: AMD64, layers: [makeLayer([{ path: '/a', content: 'a' }])] });
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `t${String(n).padStart(6, '0')}`);

test('50,000 tags are listed page by page, of which the rules take some, in memory that has its bound', async () => {
  const registry = createInProcessRegistry({ referrersApi: false });
  registry.push('large/app', image);
  registry.putTags('large/app', numbered(50_000), image.digest);
  await using listening = await registry.listen();
  await configure(listening.url, { tags: { include: ['t0000*'] } });
  const { code, stderr, peakMiB } = await syncOnce(120_000);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const pages = registry.requests.filter(({ path: asked }) => asked.includes('/tags/list'));
  expect(pages.map(({ path: asked }) => /last=(\w+)/.exec(asked)?.[1])).toEqual([
    undefined,
    ...Array.from({ length: 49 }, (_, page) => `t${String((page + 1) * 1000 - 1).padStart(6, '0')}`),
  ]);
  expect(registry.requests.filter(({ method }) => method === 'HEAD')).toHaveLength(100);
  expect(peakMiB).toBeLessThan(PEAK_MAX_MIB);
}, 180_000);

test(
  'a sync of many tags that finds nothing new costs one HEAD a tag and a page a thousand, and no GET of content',
  async () => {
    const counts = SOAK ? [1_000, 10_000, 50_000] : [1_000, 2_000];
    for (const count of counts) {
      const methods = new Map<string, number>();
      const registry = createInProcessRegistry({
        referrersApi: false,
        intercept: ({ method, url = '' }) => {
          const kind = `${method} ${url.includes('/tags/list') ? 'tags' : /\/(manifests|blobs|referrers)\//.exec(url)?.[1]}`;
          methods.set(kind, (methods.get(kind) ?? 0) + 1);
          return false;
        },
      });
      registry.push('large/app', image);
      registry.putTags('large/app', numbered(count), image.digest);
      await using listening = await registry.listen();
      await rm(path.join(folder.path, 'data'), { recursive: true, force: true });
      await configure(listening.url);
      expect(await syncOnce(600_000)).toMatchObject({ code: 0 });
      methods.clear();
      const { code, peakMiB } = await syncOnce(600_000);
      expect(code).toBe(0);
      expect(Object.fromEntries(methods)).toEqual({
        'HEAD manifests': count,
        'GET tags': count / 1000,
        'GET referrers': 1,
      });
      expect(peakMiB).toBeLessThan(PEAK_MAX_MIB);
    }
  },
  SOAK ? 1_200_000 : 180_000,
);
