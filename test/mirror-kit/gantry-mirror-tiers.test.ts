import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { directoryTree, fullListPath, openTree } from '@gantry/tree';
import { openPublishing } from '../fixtures/publishing.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { attempt } from '../servers/run.ts';
import {
  copy,
  expectWhole,
  filesOf,
  freshFolders,
  inFolder,
  master,
  mirror,
  SCRIPT,
} from './mirror-world.ts';

/** Mirrors of mirrors, and what a run leaves behind for who looks after it. */

const real = needs('rsync', 'nginx');
freshFolders();

const DAY_MS = 86_400_000;

/** Promotes a tag so many days after now: after a day the publication makes a full list. */
async function publishAfter(days: number, tag: string): Promise<void> {
  await using place = await openPublishing(
    {
      catalog: { sqlite: { file: inFolder('catalog.db') } },
      storage: { filesystem: { root: inFolder('store') } },
      tree: { filesystem: { root: master } },
    },
    new Date(Date.now() + days * DAY_MS).toISOString(),
  );
  await place.sync();
  await place.promote(tag);
  await place.publisher.publishPending();
}

const follow = (from: string, to: string) => attempt('sh', [SCRIPT, from, to]);
const fullListsOf = async (root: string) =>
  (await filesOf(root)).filter((name) => name.startsWith('lists/full-'));

real.test(
  'a chain of mirrors: each is whole, with the full lists that the next one needs',
  async () => {
    const [second, third] = [inFolder('second'), inFolder('third')];
    await publishAfter(0, '1');
    await using rsyncd = await startRsyncd(master);
    expect((await copy(rsyncd.url)).code).toBe(0);
    await using middle = await startRsyncd(mirror);
    expect(await follow(middle.url, second)).toMatchObject({ code: 0, stderr: '' });
    for (const [days, tag] of [
      [1.1, '2'],
      [2.2, '3'],
      [3.3, '1'],
    ] as const) {
      await publishAfter(days, tag);
      // Each asks the one before it, which has just come by one serial.
      expect(await copy(rsyncd.url)).toMatchObject({ code: 0, stderr: '' });
      expect(await follow(middle.url, second)).toMatchObject({ code: 0, stderr: '' });
      expect(await filesOf(second)).toEqual(await filesOf(mirror));
      await expectWhole(second);
    }
    const view = await openTree(directoryTree(second));
    expect(view?.statement.full?.serial).toBe(4);
    expect(await fullListsOf(second)).toEqual([fullListPath(3), fullListPath(4)]);

    // Who comes new to the last one finds there what tells the whole pool, also over HTTP.
    await using nginx = await startNginx({ root: second, rules: true });
    expect(await follow(nginx.url, third)).toMatchObject({ code: 0, stderr: '' });
    await expectWhole(third);
  },
  60_000,
);

real.test('lists that the master has no more go at the mirror, too, when a full list comes', async () => {
  await publishAfter(0, '1');
  await publishAfter(0, '2');
  expect((await copy(master)).code).toBe(0);
  await rm(path.join(master, 'lists/000000000001.txt'));
  await publishAfter(0, '3');
  expect((await copy(master)).code).toBe(0);
  expect(existsSync(path.join(mirror, 'lists/000000000001.txt'))).toBe(true);
  await publishAfter(1.1, '1');
  expect((await copy(master)).code).toBe(0);
  expect(await filesOf(mirror)).toEqual(await filesOf(master));
});

real.test('each run adds a line to the log, whatever came of it', async () => {
  const log = inFolder('log');
  await publishAfter(0, '1');
  expect(await copy(master, '--quiet', '--log', log)).toEqual({ code: 0, stdout: '', stderr: '' });
  await publishAfter(0, '2');
  await copy(master, '--quiet', '--log', log);
  await copy('rsync://127.0.0.1:1/gantry', '--quiet', '--log', log);
  const lines = (await readFile(log, 'utf8')).trim().split('\n');
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^${time} from=0 serial=1 .* deleted=0 seconds=\\d+ exit=0$`)),
    expect.stringMatching(new RegExp(`^${time} from=1 serial=2 files=[1-9]\\d* bytes=[1-9]\\d* .* exit=0$`)),
    expect.stringMatching(new RegExp(`^${time} from=- serial=- .* exit=75$`)),
  ]);
});

real.test('a lock is stale when its process is gone, or is another one by now', async () => {
  await publishAfter(0, '1');
  const lock = path.join(mirror, '.tmp/mirror/lock');
  const locked = async (by: string) => {
    await mkdir(lock, { recursive: true });
    await writeFile(path.join(lock, 'pid'), by);
    return (await copy(master)).code;
  };
  expect(await locked('999999999\n')).toBe(0);
  expect(await locked(`${process.pid} 1\n`)).toBe(0); // it began at another time
  const stat = await readFile('/proc/self/stat', 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  expect(await locked(`${process.pid} ${started}\n`)).toBe(4);
});

real.test('a rate is handed to rsync and to curl, and what is none is refused', async () => {
  await publishAfter(0, '1');
  await using nginx = await startNginx({ root: master, rules: true });
  expect(await copy(nginx.url, '--bwlimit', '50m')).toMatchObject({ code: 0, stderr: '' });
  await publishAfter(0, '2');
  expect(await copy(master, '--bwlimit=50m')).toMatchObject({ code: 0, stderr: '' });
  await expectWhole(mirror);
  expect((await copy(master, '--bwlimit', 'fast')).code).toBe(2);
  expect((await copy(master, '--keep', 'long')).code).toBe(2);
});
