import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { collectTree } from '@gantry/pipeline';
import { directoryTree, openTree, readStatement, verifyTree } from '@gantry/tree';
import { SEED, SOAK } from '../faults/soak.ts';
import { openPublishing, type Publishing } from '../fixtures/publishing.ts';
import { seededRandom } from '../fixtures/seeded-random.ts';
import { needs } from '../servers/parts.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { attempt } from '../servers/run.ts';
import { freshFolders, inFolder, master, SCRIPT } from './mirror-world.ts';

/**
 * rsync in the middle of publications, again and again. What the kit keeps is some whole serial at every moment. What plain
 * `rsync -aH --delete` keeps may name what it lacks while it runs, and not after a run that nothing was published in.
 */

const RUN_MS = (SOAK ? 180 : 20) * 1000;
const HOUR_MS = 3_600_000;
const real = needs('rsync');
freshFolders();

/** Publishes without a pause, and now and then collects: an hour goes by with each publication. */
async function publishAll(until: (published: number) => boolean, random: () => number): Promise<number> {
  let published = 0;
  let nowMs = Date.now();
  const open = (): Promise<Publishing> =>
    openPublishing(
      {
        catalog: { sqlite: { file: inFolder('catalog.db') } },
        storage: { filesystem: { root: inFolder('store') } },
        tree: { filesystem: { root: master } },
        // Each publication is an hour later than the one before: the grace is longer than any run of a mirror.
        rules: {
          keepUntaggedMs: 0,
          retention: { graceMs: 60 * HOUR_MS, keepSnapshots: 2, keepSnapshotsForMs: 0 },
        },
      },
      new Date(nowMs).toISOString(),
    );
  while (!until(published)) {
    await using place = await open();
    if (published === 0) await place.sync();
    for (let turn = 0; turn < 5 && !until(published); turn++) {
      await place.promote(String(1 + Math.floor(random() * 3)));
      await place.publisher.publishPending();
      published++;
      nowMs += HOUR_MS;
      await pause(random() * 40);
    }
    if (random() < 0.3) await collectTree({ flow: place.flow, tree: place.publisher.tree });
  }
  return published;
}

/** What `gantry verify` finds wrong with a mirror, but for what is there already of later serials. */
async function wrong(root: string): Promise<string[]> {
  const { findings } = await verifyTree(directoryTree(root), { nowMs: Date.now(), deep: true });
  return findings
    .filter(({ kind, path: name }) => kind !== 'extra' && name?.startsWith('.tmp/') !== true)
    .map(({ message }) => message);
}

/** Reads all that a mirror's pointer names, as a client would. @returns the serial, and what it lacks */
async function readWhole(root: string): Promise<{ serial: number; lacks: string[] }> {
  const source = directoryTree(root);
  const before = await readStatement(source);
  if (before === undefined) return { serial: 0, lacks: [] };
  const lacks: string[] = [];
  try {
    const view = await openTree(source);
    if (view === undefined) throw new Error('the pointer has gone');
    for await (const { name } of view.repositories()) {
      const document = await view.repository(name);
      for (const [digest, { kind }] of document?.manifests ?? []) {
        const file = `pool/manifests/${kind}/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
        if ((await source.stat(file)) === undefined) lacks.push(file);
      }
      for (const digest of document?.blobs.keys() ?? []) {
        const file = `pool/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;
        if ((await source.stat(file)) === undefined) lacks.push(file);
      }
    }
  } catch (error) {
    lacks.push(error instanceof Error ? error.message : String(error));
  }
  // The pointer may have moved meanwhile, and what only the former one named have gone: then this tells nothing.
  const after = await readStatement(source);
  return { serial: before.statement.serial, lacks: after?.digest === before.digest ? lacks : [] };
}

real.test(
  'the mirror of the kit is some whole serial at every moment, and plain rsync never lacks what it names for longer than its run',
  async () => {
    const random = seededRandom(SEED);
    await publishAll((published) => published > 0, random);
    await using rsyncd = await startRsyncd(master);
    const [kit, plain] = [inFolder('kit'), inFolder('plain')];
    const endsAt = performance.now() + RUN_MS;
    const isOver = () => performance.now() > endsAt;
    const seen = { kit: new Set<number>(), runs: 0, plainRuns: 0, reads: 0, wrong: [] as string[] };

    const runKit = async () => {
      while (!isOver()) {
        const { code, stderr } = await attempt('sh', [SCRIPT, '--quiet', rsyncd.url, kit]);
        if (code !== 0 && code !== 75) seen.wrong.push(`the kit ended with ${code}: ${stderr}`);
        seen.runs++;
        if (code === 0) seen.wrong.push(...(await wrong(kit)).map((one) => `kit: ${one}`));
      }
    };
    const readKit = async () => {
      while (!isOver()) {
        const { serial, lacks } = await readWhole(kit);
        if (serial > 0) {
          seen.kit.add(serial);
          seen.reads++;
          seen.wrong.push(...lacks.map((one) => `kit, read at serial ${serial}: ${one}`));
        }
        await pause(5);
      }
    };
    const runPlain = async () => {
      let lacked: readonly string[] = [];
      while (!isOver()) {
        await attempt('rsync', ['-aH', '--delete', '--modify-window=-1', `${rsyncd.url}/`, `${plain}/`]);
        seen.plainRuns++;
        const { lacks } = await readWhole(plain);
        const still = lacks.filter((one) => lacked.includes(one));
        seen.wrong.push(...still.map((one) => `plain, after the next run: ${one}`));
        lacked = lacks;
      }
    };
    const [published] = await Promise.all([publishAll(isOver, random), runKit(), readKit(), runPlain()]);

    expect(seen.wrong).toEqual([]);
    // One more run, in which nothing is published.
    expect((await attempt('sh', [SCRIPT, '--quiet', rsyncd.url, kit])).code).toBe(0);
    await attempt('rsync', ['-aH', '--delete', '--modify-window=-1', `${rsyncd.url}/`, `${plain}/`]);
    for (const root of [kit, plain]) {
      expect([path.basename(root), await readWhole(root)]).toEqual([
        path.basename(root),
        { serial: (await readStatement(directoryTree(master)))?.statement.serial, lacks: [] },
      ]);
      expect(await wrong(root)).toEqual([]);
    }
    expect(published).toBeGreaterThan(5);
    expect(seen.kit.size).toBeGreaterThan(2);
    expect(seen.runs).toBeGreaterThan(2);
    expect(seen.plainRuns).toBeGreaterThan(1);
  },
  RUN_MS + 120_000,
);
