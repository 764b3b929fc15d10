import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { collectTree } from '@gantry/pipeline';
import { blobPath, layTree, listPath } from '@gantry/tree';
import { digestOf } from '@gantry/oci';
import { imageOf, openPublishing } from '../fixtures/publishing.ts';
import { needs } from '../servers/parts.ts';
import { attempt, run } from '../servers/run.ts';
import {
  copy,
  expectWhole,
  filesOf,
  freshFolders,
  inFolder,
  master,
  mirror,
  pool,
  restate,
  SCRIPT,
  serialOf,
  wrap,
} from './mirror-world.ts';

/** What the master frees leaves mirrors, too: in its time, and never before the pointer says so. */

const real = needs('rsync');
freshFolders();

const DAY_MS = 86_400_000;
const layerOf = (tag: string) => {
  const layer = imageOf(tag).children[0]?.blobs[1]?.digest;
  if (layer === undefined) throw new Error('it has a layer');
  return blobPath(layer);
};

/** A master whose tags are promoted one after another, and whose clock can be set on. */
async function collectingMaster() {
  const rules = {
    keepUntaggedMs: 0,
    retention: { graceMs: DAY_MS, keepSnapshots: 1, keepSnapshotsForMs: 0 },
  };
  let nowMs = Date.now();
  const open = (ms: number) =>
    openPublishing(
      {
        catalog: { sqlite: { file: inFolder('catalog.db') } },
        storage: { filesystem: { root: inFolder('store') } },
        tree: { filesystem: { root: master } },
        rules,
      },
      new Date(ms).toISOString(),
    );
  return {
    async publish(tag: string) {
      await using place = await open(nowMs);
      await place.sync();
      await place.promote(tag);
      await place.publisher.publishPending();
    },
    /** Days later, twice: what nothing reaches is condemned, and after its grace taken away. */
    async collect() {
      for (const days of [1, 2]) {
        nowMs += days * DAY_MS;
        await using place = await open(nowMs);
        await collectTree({ flow: place.flow, tree: place.publisher.tree });
      }
    },
  };
}

real.test('what the master collected is deleted, also when several serials come at once', async () => {
  const at = await collectingMaster();
  await at.publish('1');
  expect((await copy(master)).code).toBe(0);
  await at.publish('2');
  await at.publish('3');
  await at.collect();
  expect(existsSync(path.join(master, layerOf('1')))).toBe(false);

  // Whatever is deleted is deleted once the pointer is at the new serial.
  const seen = inFolder('seen');
  const env = await wrap(
    'rm',
    `case "$*" in *${layerOf('1')}*) cp ${mirror}/serial/current.json ${seen} ;; esac`,
  );
  const before = await serialOf(mirror);
  expect(await attempt('sh', [SCRIPT, master, mirror], { env })).toMatchObject({ code: 0, stderr: '' });
  expect(before).toBe(1);
  expect(await readFile(seen)).toEqual(await readFile(path.join(mirror, 'serial/current.json')));
  expect(await pool(mirror)).toEqual(await pool(master));
  await expectWhole(mirror);
});

real.test('a layer that is collected and promoted again stays, in one run as in several', async () => {
  const at = await collectingMaster();
  await at.publish('1');
  expect((await copy(master)).code).toBe(0);
  await at.publish('2');
  await at.collect();
  await at.publish('1');
  expect((await readFile(path.join(master, listPath(1)), 'utf8')).includes(layerOf('1'))).toBe(true);
  expect((await copy(master, '--max-delete', '1000')).code).toBe(0);
  expect(await filesOf(mirror)).toContain(layerOf('1'));
  expect(await pool(mirror)).toEqual(await pool(master));
  await expectWhole(mirror);
});

real.test('when lists have gone at the master, the full list and those after it do', async () => {
  const at = await collectingMaster();
  await at.publish('1');
  expect((await copy(master)).code).toBe(0);
  await at.publish('2');
  await at.collect(); // days later: there is a newer full list
  await at.publish('3');
  for (const serial of [1, 2]) await rm(path.join(master, listPath(serial)));
  const outcome = await copy(master);
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  expect(await serialOf(mirror)).toBe(await serialOf(master));
  // What was collected is known by no list: it waits, as what nothing names does.
  expect(outcome.stdout).toContain(', 0 to delete, ');
  expect(await filesOf(mirror)).toContain(layerOf('1'));
  expect((await copy(master, '--full', '--keep', '0')).code).toBe(0);
  expect(await pool(mirror)).toEqual(await pool(master));
  expect((await filesOf(mirror)).filter((name) => name === listPath(1))).toEqual([]);
  await expectWhole(mirror);
});

real.test('when no list tells, all of the pool is copied and nothing is deleted', async () => {
  const at = await collectingMaster();
  await at.publish('1');
  expect((await copy(master)).code).toBe(0);
  await at.publish('2');
  await at.collect();
  await run('sh', ['-c', `rm -f ${master}/lists/*`]);
  const outcome = await copy(master);
  expect(outcome).toMatchObject({ code: 0 });
  expect(outcome.stdout).toContain('looking at the whole pool');
  expect(await serialOf(mirror)).toBe(await serialOf(master));
  expect(await pool(mirror)).toEqual(expect.arrayContaining([...(await pool(master)), layerOf('1')]));
});

const ONE = Buffer.from('one');
const TWO = Buffer.from('two');
const lay = (blobs: Record<string, Buffer>) =>
  layTree(master, {
    repositories: Object.entries(blobs).map(([name, blob]) => ({ name, tags: {}, blobs: [blob] })),
  });
const there = (blob: Buffer) => existsSync(path.join(mirror, blobPath(digestOf(blob))));

real.test('what nothing names waits, is deleted in its time, and stays if it is named again', async () => {
  await lay({ one: ONE, two: TWO });
  expect((await copy(master)).code).toBe(0);
  expect((await copy(master, '--repository', 'two')).stdout).toMatch(/ 0 to delete, \d+ later/);
  expect(there(ONE)).toBe(true);
  const undeleted = path.join(mirror, '.tmp/mirror/undeleted');
  const noted = await readFile(undeleted, 'utf8');
  expect(noted).toContain(blobPath(digestOf(ONE)));
  // A day of its own has come.
  await writeFile(undeleted, noted.replaceAll(/^\d+ /gm, '1 '));
  const dry = await copy(master, '--repository', 'two', '--full', '--dry-run');
  expect(dry.stdout).toContain(`- ${blobPath(digestOf(ONE))}`);
  expect(there(ONE)).toBe(true);
  expect((await copy(master, '--repository', 'two')).stdout).toContain('at serial 1 already');
  expect(there(ONE)).toBe(false);

  expect((await copy(master)).code).toBe(0);
  expect(there(ONE)).toBe(true);
  expect((await copy(master, '--repository', 'two')).code).toBe(0);
  await writeFile(undeleted, (await readFile(undeleted, 'utf8')).replaceAll(/^\d+ /gm, '1 '));
  expect((await copy(master, '--repository', '*')).code).toBe(0); // all of it is named again
  expect([there(ONE), there(TWO)]).toEqual([true, true]);
});

real.test(
  'of a part, what the lists take away goes at once, and what comes is followed by what has changed',
  async () => {
    await lay({ one: ONE, two: TWO });
    const part = ['--repository', 'one'];
    expect((await copy(master, ...part)).code).toBe(0);
    expect([there(ONE), there(TWO)]).toEqual([true, false]);
    const [three, four] = [Buffer.from('three'), Buffer.from('four')];
    await lay({ one: three, two: TWO });
    await lay({ one: three, two: four });
    const outcome = await copy(master, ...part);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toContain('serial 1 to 3: 1 files (5 bytes) to transfer, 0 to delete\n');
    expect([there(three), there(four), there(TWO)]).toEqual([true, false, false]);
    await restate([{ op: '-', path: blobPath(digestOf(ONE)) }]);
    expect((await copy(master, ...part)).stdout).toContain('0 files (0 bytes) to transfer, 1 to delete\n');
    expect(there(ONE)).toBe(false);
  },
);
