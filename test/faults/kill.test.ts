import { setTimeout as pause } from 'node:timers/promises';
import { digestOf } from '@gantry/oci';
import { createInProcessRegistry, makeImage, makeLayer, type MadeManifest } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import {
  type Configuration,
  embeddedConfiguration,
  type Gantry,
  gantry,
  startGantry,
} from '../servers/gantry.ts';
import { withLogs } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/**
 * `kill -9` of `gantry serve all` while it syncs, promotes and publishes, at moments that a seed decides. What it had
 * reported done is there afterwards, what it had accepted is done by the next start, and nobody ever sees half a thing.
 */
const ROUNDS = 10;
const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20_261_121);
/** How long after the first request of a round it is killed, at the most. */
const LATEST_KILL_MS = 600;

const AMD64 = { os: 'linux', architecture: 'amd64' };
const base = makeLayer([{ path: '/base', content: randomBytes('base', 300_000) }]);

function build(name: string, round: number): MadeManifest {
  const own = makeLayer([{ path: '/own', content: randomBytes(`${name} ${round}`, 150_000) }]);
  return makeImage({ platform: AMD64, layers: [base, own] });
}

test(`after each of ${ROUNDS} kills, what was reported done is there and what was accepted is done by the next start`, async () => {
  await using folder = await temporaryFolder('kill');
  const random = seededRandom(SEED);
  const registry = createInProcessRegistry();
  await using listening = await registry.listen();
  const sources = [{ name: 'builds', registry: listening.url }];
  const configuration = await embeddedConfiguration({ sources });
  /** What somebody was told is public: `REPOSITORY:TAG` to its digest. */
  const reported = new Map<string, string>();

  for (let round = 1; round <= ROUNDS; round++) {
    const names = ['one', 'two', 'three'].map((name) => `kill/${name}`);
    const pushed = new Map(names.map((name) => [name, build(name, round)]));
    for (const [name, made] of pushed) registry.push(name, made, `v${round}`, 'latest');

    const accepted = await killedRound({
      folder: folder.path,
      configuration,
      round,
      names,
      random,
      reported,
    });
    await using restarted = await startGantry({ folder: folder.path, configuration });
    try {
      for (const id of accepted) {
        const ended = await restarted.api.promotionEnded(id);
        expect({ round, seed: SEED, ended }).toMatchObject({ ended: { state: 'done' } });
        for (const item of ended.items ?? [])
          for (const tag of item.tags) reported.set(`${item.repository}:${tag}`, String(item.digest));
      }
      await untilIdle(restarted);
      for (const [reference, digest] of reported) expect(await pullWhole(restarted, reference)).toBe(digest);
      const verified = await gantry(folder.path, ['verify', `${folder.path}/data/tree`, '--deep']);
      expect({ round, seed: SEED, ...verified }).toMatchObject({ code: 0 });
    } catch (error) {
      throw withLogs(error, [restarted]);
    }
    expect(await restarted.stop()).toEqual({ code: 0, signal: null });
  }
  expect(reported.size).toBeGreaterThan(0);
}, 300_000);

/** Starts, syncs and promotes, and is killed in the midst of it. @returns the promotions that had been accepted */
async function killedRound(given: {
  folder: string;
  configuration: Configuration;
  round: number;
  names: readonly string[];
  random: () => number;
  reported: Map<string, string>;
}): Promise<string[]> {
  const { names, round, random, reported } = given;
  const killed = await startGantry({ folder: given.folder, configuration: given.configuration });
  const accepted: string[] = [];
  const work = async () => {
    await killed.api.sync('builds');
    for (const repository of names) {
      const body = {
        items: [{ repository, reference: `v${round}`, tags: [`v${round}`, 'latest'] }],
        to: 'stable',
      };
      const answer = await killed.api.call<{ id: string }>('POST', '/api/v1/promotions', { body });
      if (answer.status !== 202) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      accepted.push(answer.body.id);
    }
    for (const id of accepted) {
      const { state, items = [] } = await killed.api.promotionEnded(id);
      if (state !== 'done') throw new Error(`the promotion ended ${state}`);
      for (const item of items)
        for (const tag of item.tags) reported.set(`${item.repository}:${tag}`, String(item.digest));
    }
  };
  // The work breaks off at the kill. That is expected then; before it, it is a failure.
  let isDead = false;
  const working = work().catch((error: unknown) => {
    if (!isDead) throw withLogs(error, [killed]);
  });
  const moment = pause(random() * LATEST_KILL_MS);
  await Promise.race([moment, working]);
  isDead = true;
  await killed.kill('SIGKILL');
  await working;
  return accepted;
}

/** Waits until no task is under way: what the kill broke off was taken up again by itself. */
async function untilIdle(running: Gantry): Promise<void> {
  await until(
    'all tasks to end',
    async () => {
      for (const state of ['queued', 'running']) {
        const { body } = await running.api.call<{ items: unknown[] }>('GET', `/api/v1/tasks?state=${state}`);
        if (body.items.length > 0) return false;
      }
      return true;
    },
    { withinMs: 30_000 },
  );
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
