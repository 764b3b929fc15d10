import { setTimeout as pause } from 'node:timers/promises';
import { digestOf } from '@gantry/oci';
import { createInProcessRegistry, makeImage, makeLayer, type MadeManifest } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import {
  type Configuration,
  embeddedConfiguration,
  type Gantry,
  gantry as command,
  startGantry,
} from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import type { Work } from '../clients/gantry-api.ts';
import { until } from '../servers/until.ts';

/**
 * `kill -9` of `gantry serve all` while it syncs, promotes and publishes, at moments that a seed decides. What it had
 * reported done is there afterwards, what it had accepted is done by the next start, and nobody ever sees half a thing.
 */
const ROUNDS = 10;
const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);
/** How long after the first request of a round it is killed, at the most. */
const LATEST_KILL_MS = 600;

const REPOSITORIES = ['kill/one', 'kill/two', 'kill/three'];
const AMD64 = { os: 'linux', architecture: 'amd64' };
const base = makeLayer([{ path: '/base', content: randomBytes('base', 300_000) }]);

function build(name: string, round: number): MadeManifest {
  const own = makeLayer([{ path: '/own', content: randomBytes(`${name} ${round}`, 150_000) }]);
  return makeImage({ platform: AMD64, layers: [base, own] });
}

/** What a client of one round knows when the server is gone. */
interface Known {
  /** Whether the sync was answered 202. */
  syncAccepted: boolean;
  /** Repositories whose promotion was asked for, answered or not. */
  readonly asked: string[];
  /** Those whose promotion was seen done. */
  readonly done: string[];
}

test(`after each of ${ROUNDS} kills, what was reported done is there, and what was asked for is done by the next start`, async () => {
  await using folder = await temporaryFolder('kill');
  const random = seededRandom(SEED);
  const registry = createInProcessRegistry();
  await using listening = await registry.listen();
  const sources = [{ name: 'builds', registry: listening.url }];
  const start = { folder: folder.path, configuration: await embeddedConfiguration({ sources }) };
  /** What is known to be public: `REPOSITORY:TAG` to its digest. */
  const published = new Map<string, string>();

  for (let round = 1; round <= ROUNDS; round++) {
    const images = new Map(REPOSITORIES.map((name) => [name, build(name, round)]));
    for (const [name, image] of images) registry.push(name, image, `v${round}`, 'latest');
    // Every other round the clock starts with the first promotion: a slow machine is not to be killed in its syncs alone.
    const known = await killedRound(start, round, {
      from: round % 2 === 0 ? 'promotion' : 'sync',
      afterMs: random() * LATEST_KILL_MS,
    });
    record(published, known.done, images, round);

    await using gantry = await startGantry(start);
    try {
      for (const [reference, digest] of published) {
        // "latest" of a promotion that was asked for, but not seen done, may be at either image.
        const moving = known.asked.find((name) => reference === `${name}:latest`);
        const expected = [digest, ...(moving === undefined ? [] : [images.get(moving)?.digest])];
        expect(expected).toContain(await pullWhole(gantry, reference));
      }
      if (known.syncAccepted) await untilSynced(gantry, images, round);
      for (const repository of known.asked) {
        const promoted = await gantry.api.promotionEnded(await promote(gantry, repository, round));
        expect(promoted).toMatchObject({ state: 'done' });
      }
      record(published, known.asked, images, round);
      for (const [reference, digest] of published)
        expect({ reference, digest: await pullWhole(gantry, reference) }).toEqual({ reference, digest });
      const verified = await command(start.folder, ['verify', `${start.folder}/data/tree`, '--deep']);
      expect(verified).toMatchObject({ code: published.size > 0 ? 0 : 1 }); // where nothing is published, nothing is proven
    } catch (error) {
      throw withLogs(error, [gantry], `in round ${round} of seed ${SEED}`);
    }
    expect(await gantry.stop()).toEqual({ code: 0, signal: null });
  }
  expect(published.size).toBeGreaterThan(ROUNDS / 2);
}, 300_000);

/** Notes what the promotions of one round made public. */
function record(
  published: Map<string, string>,
  repositories: readonly string[],
  images: ReadonlyMap<string, MadeManifest>,
  round: number,
): void {
  for (const repository of repositories) {
    for (const tag of [`v${round}`, 'latest'])
      published.set(`${repository}:${tag}`, (images.get(repository) as MadeManifest).digest);
  }
}

/** Starts, syncs and promotes, and is killed in the midst of it. */
async function killedRound(
  start: { folder: string; configuration: Configuration },
  round: number,
  kill: { readonly from: 'sync' | 'promotion'; readonly afterMs: number },
): Promise<Known> {
  await using gantry = await startGantry(start);
  const known: Known = { syncAccepted: false, asked: [], done: [] };
  const promoting = Promise.withResolvers<void>();
  const work = async () => {
    const accepted = await gantry.api.call<Work>('POST', '/api/v1/syncs', { body: { source: 'builds' } });
    known.syncAccepted = accepted.status === 202;
    const synced = await gantry.api.taskEnded(accepted.body.id);
    expect(synced).toMatchObject({ state: 'done' });
    for (const repository of REPOSITORIES) {
      known.asked.push(repository);
      promoting.resolve();
      const promoted = await gantry.api.promotionEnded(await promote(gantry, repository, round));
      expect(promoted).toMatchObject({ state: 'done' });
      known.done.push(repository);
    }
  };
  // The work breaks off at the kill, as it must; before the kill, a failure is one.
  let killed = false;
  const working = work().catch((error: unknown) => {
    if (!killed) throw withLogs(error, [gantry]);
  });
  if (kill.from === 'promotion') await Promise.race([promoting.promise, working]);
  await Promise.race([pause(kill.afterMs), working]);
  killed = true;
  await gantry.kill('SIGKILL');
  await working;
  return known;
}

/** Asks for a promotion; asked again, with the same key, it is the same one. @returns its identifier */
async function promote(gantry: Gantry, repository: string, round: number): Promise<string> {
  const { status, body } = await gantry.api.call<Work>('POST', '/api/v1/promotions', {
    body: { items: [{ repository, reference: `v${round}`, tags: [`v${round}`, 'latest'] }], to: 'stable' },
    headers: { 'Idempotency-Key': `${repository}:${round}` },
  });
  expect({ status, body }).toMatchObject({ status: 202 });
  return body.id;
}

/** Waits until a sync that had been accepted before the kill has done its work, which nobody asks for again. */
async function untilSynced(
  gantry: Gantry,
  images: ReadonlyMap<string, MadeManifest>,
  round: number,
): Promise<void> {
  const isSynced = async () => {
    const found = await gantry.api.candidates();
    return [...images].every(([name, { digest }]) =>
      found.some((each) => each.repository === name && each.tag === `v${round}` && each.digest === digest),
    );
  };
  await until('the sync to be taken up again', isSynced);
}

/** Pulls a manifest and all its blobs through the crane, each checked. @returns the manifest's digest */
async function pullWhole(running: Gantry, reference: string): Promise<string> {
  const [, repository, tag] = /^(.+):([^:]+)$/.exec(reference) ?? [];
  const at = `http://${running.crane}/v2/${repository}`;
  const manifest = await fetch(`${at}/manifests/${tag}`);
  if (!manifest.ok) return `status ${manifest.status}`;
  const bytes = Buffer.from(await manifest.arrayBuffer());
  const { config, layers } = JSON.parse(bytes.toString()) as Record<'config', { digest: string }> &
    Record<'layers', { digest: string }[]>;
  for (const { digest } of [config, ...layers]) {
    const blob = await fetch(`${at}/blobs/${digest}`);
    expect({ reference, digest: digestOf(Buffer.from(await blob.arrayBuffer())) }).toEqual({
      reference,
      digest,
    });
  }
  return digestOf(bytes);
}
