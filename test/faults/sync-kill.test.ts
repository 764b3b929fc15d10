import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openCatalog } from '@gantry/catalog';
import { digestOf } from '@gantry/oci';
import {
  createInProcessRegistry,
  type InProcessRegistry,
  makeImage,
  makeIndex,
  makeLayer,
  makeSbom,
  makeSignature,
} from '@gantry/registry';
import { openStore } from '@gantry/store';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import {
  type Configuration,
  embeddedConfiguration,
  gantry as command,
  GANTRY_BIN,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { type ServerProcess, startProcess, withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { SEED, SOAK } from './soak.ts';

/**
 * `kill -9` of `gantry sync --local` and `gantry serve all` in the midst of a sync, at moments that a seed decides. One more run ends as an undisturbed one: the same
 * catalog, the same store. What was whole is not downloaded again; of what was not, just the rest is asked for.
 */
const KILLS = SOAK ? 20 : 2;
/** A blob is sent in pieces, so that a kill finds blobs half here. */
const PIECE_BYTES = 128 * 1024;
const PIECE_EVERY_MS = 8;

const platform = (architecture: string) => ({ os: 'linux', architecture });
const layer = (name: string, sizeBytes: number) =>
  makeLayer([{ path: '/data', content: randomBytes(`killed ${name}`, sizeBytes) }]);
const base = layer('base', 12_000_000);

/** What a registry was asked for, and how far it has come. */
interface Seen {
  /** Each GET of a blob. */
  readonly asked: { readonly digest: string; readonly range: string | undefined }[];
  /** Requests that came and pieces that were sent: what decides the moment of a kill, however fast the machine is. */
  steps: number;
}

/** A registry that sends blobs slowly, and notes how each was asked for. */
function slowRegistry(seen: Seen): InProcessRegistry {
  const blobs = new Map<string, Buffer>();
  const registry = createInProcessRegistry({
    referrersApi: false,
    intercept: (request, response) => {
      seen.steps++;
      const digest = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? '')?.[1];
      const bytes = blobs.get(digest ?? '');
      if (request.method !== 'GET' || digest === undefined || bytes === undefined) return false;
      const { range } = request.headers;
      seen.asked.push({ digest, range });
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
      response.writeHead(from === 0 ? 200 : 206, {
        'content-length': bytes.length - from,
        ...(from === 0 ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
      });
      void (async () => {
        for (let at = from; at < bytes.length && !response.destroyed; at += PIECE_BYTES) {
          response.write(bytes.subarray(at, at + PIECE_BYTES));
          seen.steps++;
          await pause(PIECE_EVERY_MS);
        }
        response.end();
      })();
      return true;
    },
  });
  const push: InProcessRegistry['push'] = (repository, made, ...tags) => {
    for (const { digest, bytes } of [...made.blobs, ...made.children.flatMap((child) => child.blobs)])
      blobs.set(digest, bytes);
    registry.push(repository, made, ...tags);
  };
  for (const name of ['kill/one', 'kill/two', 'kill/three']) {
    const index = makeIndex(
      ['amd64', 'arm64'].map((architecture) =>
        makeImage({
          platform: platform(architecture),
          layers: [base, layer(`${name} ${architecture}`, 400_000)],
        }),
      ),
    );
    push(name, index, '1', 'latest');
    push(name, makeSbom(index, name));
    push(name, makeSignature(name, index), `${index.digest.replace(':', '-')}.sig`);
  }
  return registry;
}

/** What is in a catalog and a store, apart from when it came. */
async function contentOf(folder: string): Promise<unknown> {
  await using catalog = await openCatalog({ sqlite: { file: path.join(folder, 'data/catalog.db') } });
  await using store = await openStore({ filesystem: { root: path.join(folder, 'data/store') } });
  const { items } = await catalog.candidates.list({ limit: 1000 });
  const blobs = await Array.fromAsync(store.list());
  for (const { digest, size } of blobs) expect(digestOf(await store.read(digest, size))).toBe(digest);
  const manifests = await catalog.manifests.getAll(blobs.map(({ digest }) => digest));
  return {
    candidates: items
      .map((candidate) => ({ ...candidate, syncedAt: 'some time' }))
      .toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
    blobs: blobs.map(({ digest }) => digest).toSorted(),
    manifests: [...manifests.values()].toSorted((one, other) => (one.digest < other.digest ? -1 : 1)),
    leftOver: [...(await partialIn(folder)).keys()],
  };
}

/** The size of each digest that is whole in a store, read from its files as the process that was killed left them. */
async function wholeIn(folder: string): Promise<Map<string, number>> {
  return sizesOf(path.join(folder, 'data/store/blobs/sha256'), digestOfBlob);
}

/** How many bytes are here of what is not whole, which a dead process had under way. */
async function partialIn(folder: string): Promise<Map<string, number>> {
  const left = await sizesOf(path.join(folder, 'data/store/partial'), digestOfPartial);
  const underWay = await sizesOf(path.join(folder, 'data/store/writing'), digestOfPartial);
  return new Map([...left, ...underWay].filter(([digest, size]) => digest.startsWith('sha256:') && size > 0));
}

const digestOfBlob = (name: string) => `sha256:${name}`;
const digestOfPartial = (name: string) => name.replace('-', ':');

async function sizesOf(place: string, digestOfFile: (name: string) => string): Promise<Map<string, number>> {
  const entries = await readdir(place, { withFileTypes: true, recursive: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'));
  const sizes = files.map(async ({ name, parentPath }) => {
    const { size } = await stat(path.join(parentPath, name));
    return [digestOfFile(name), size] as const;
  });
  return new Map(await Promise.all(sizes));
}

/** The command that syncs by itself. */
async function startCommand(folder: string, configuration: Configuration): Promise<ServerProcess> {
  const file = await writeConfiguration(folder, configuration);
  return await startProcess({
    name: 'gantry sync --local',
    command: process.execPath,
    args: [GANTRY_BIN, 'sync', '--local', '--config', file],
    cwd: folder,
    ready: () => Promise.resolve(true),
  });
}

/** The service, which has been told to sync. */
async function startService(folder: string, configuration: Configuration): Promise<ServerProcess> {
  const server = await startGantry({ folder, configuration });
  const { status } = await server.api.call('POST', '/api/v1/syncs', { body: { source: 'builds' } });
  expect(status).toBe(202);
  return server;
}

test(
  `after each of ${KILLS} kills one more run ends as an undisturbed one, and nothing that was whole comes again`,
  async () => {
    const seen: Seen = { asked: [], steps: 0 };
    const registry = slowRegistry(seen);
    await using listening = await registry.listen();
    const random = seededRandom(SEED);
    const sources = [{ name: 'builds', registry: listening.url }];
    const configuration = await embeddedConfiguration({ sources });

    await using undisturbed = await temporaryFolder('undisturbed');
    await writeConfiguration(undisturbed.path, configuration);
    expect((await command(undisturbed.path, ['sync', '--local'])).code).toBe(0);
    const expected = await contentOf(undisturbed.path);
    const stepsOfAll = seen.steps;
    const blobs = new Set(seen.asked.map(({ digest }) => digest));
    expect(blobs.size).toBe(seen.asked.length);
    const sizes = await wholeIn(undisturbed.path);

    let resumed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      await using folder = await temporaryFolder('killed');
      seen.steps = 0;
      // The moments lie all over the sync, each somewhere in its own part of it.
      const moment = ((kill + random()) / KILLS) * stepsOfAll * 0.97;
      await using server = await (kill % 2 === 0 ? startCommand : startService)(folder.path, configuration);
      try {
        await until('the moment of the kill', () => seen.steps >= moment, { withinMs: 60_000 });
        await server.kill('SIGKILL');

        const whole = await wholeIn(folder.path);
        const partial = await partialIn(folder.path);
        seen.asked.length = 0;
        // It first waits until the lease of the dead process has run out.
        const outcome = await command(folder.path, ['sync', '--local'], { timeoutMs: 60_000 });
        expect(outcome).toMatchObject({ code: 0 });
        expect(seen.asked.filter(({ digest }) => whole.has(digest))).toEqual([]);
        for (const [digest, size] of partial) {
          const requests = seen.asked.filter((request) => request.digest === digest);
          // All its bytes may be here, though it had not got its name yet.
          const lacks = blobs.has(digest) && size < (sizes.get(digest) ?? 0);
          if (lacks) resumed++;
          expect({ digest, requests }).toEqual({
            digest,
            requests: lacks ? [{ digest, range: `bytes=${size}-` }] : [],
          });
        }
        expect(await contentOf(folder.path)).toEqual(expected);
      } catch (error) {
        throw withLogs(error, [server], `in kill ${kill + 1} of seed ${SEED}`);
      }
    }
    expect(resumed).toBeGreaterThan(0);
  },
  60_000 + KILLS * 30_000,
);
