import { existsSync } from 'node:fs';
import { copyFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { blobPath, listPath, POINTER_PATH, serialPath } from '@gantry/tree';
import { imageOf } from '../fixtures/publishing.ts';
import { shownInDocs } from '../fixtures/shown-in-docs.ts';
import { needs } from '../servers/parts.ts';
import { attempt, run } from '../servers/run.ts';
import {
  expectWhole,
  freshFolders,
  inFolder,
  master,
  mirror,
  pool,
  publish,
  restate,
  serialOf,
  wrap,
} from './mirror-world.ts';

/** What docs/mirrors.md shows to who copies a tree by rsync alone: as it stands there. */

const real = needs('rsync');
freshFolders();

const recipe = () =>
  shownInDocs(
    'mirrors.md',
    'sh',
    { 'rsync://master.example.org/gantry': master, '/srv/mirror/gantry': mirror },
    '--exclude=/serial/current.json',
  );
const removal = () => shownInDocs('mirrors.md', 'sh', { '/srv/mirror/gantry': mirror }, 'xargs -r rm');
const shell = (script: string, env = process.env) => attempt('sh', ['-c', script], { env });
const layerOf = (tag: string) => blobPath(imageOf(tag).children[0]?.blobs[1]?.digest ?? 'sha256:');
const there = (name: string) => existsSync(path.join(mirror, name));

real.test(
  'with the pointer aside first, a promotion between the commands leaves the mirror whole',
  async () => {
    const [first, next] = [inFolder('first'), inFolder('next')];
    await publish('1');
    await run('cp', ['-a', master, first]);
    await publish('2');
    await rename(master, next);
    await rename(first, master);
    await run('mkdir', [mirror]);
    // The master goes on before whatever command of rsync is the second.
    const env = await wrap(
      'rsync',
      `if [ -e ${first}.1 ] && [ -e ${next} ]; then mv ${master} ${first}; mv ${next} ${master}; fi; : >${first}.1`,
    );
    expect(await shell(await recipe(), env)).toMatchObject({ code: 0, stderr: '' });
    expect([await serialOf(mirror), await serialOf(master)]).toEqual([1, 2]);
    await expectWhole(mirror, { early: true });
    expect(await shell(await recipe())).toMatchObject({ code: 0, stderr: '' });
    expect(await serialOf(mirror)).toBe(2);
    await expectWhole(mirror);
  },
);

real.test(
  'a pass that fails leaves the pointer, and one that was left aside is no pointer later',
  async () => {
    await publish('1');
    await run('mkdir', [mirror]);
    expect(await shell(await recipe())).toMatchObject({ code: 0 });
    await publish('2');
    const env = await wrap('rsync', `case "$*" in *--exclude*) exit 24 ;; esac`);
    expect((await shell(await recipe(), env)).code).toBe(24);
    expect(await serialOf(mirror)).toBe(1);
    await publish('3');
    expect(await shell(await recipe())).toMatchObject({ code: 0 });
    expect(await serialOf(mirror)).toBe(3);
    await expectWhole(mirror);
  },
);

real.test('what the lists took away is removed, and not what a list says that is of no serial', async () => {
  await publish('1');
  // As a publisher leaves them that was killed before it had claimed the serial: the next one passes it over.
  await writeFile(path.join(master, listPath(2)), `- ${layerOf('2')}\n`);
  await publish('2');
  expect(await serialOf(master)).toBe(3);
  await restate([{ op: '-', path: layerOf('1') }]);
  // And as a publisher makes them that has claimed a serial, and not moved the pointer to it.
  await writeFile(path.join(master, listPath(9)), `- ${layerOf('2')}\n`);
  await copyFile(path.join(master, POINTER_PATH), path.join(master, serialPath(9)));
  await run('mkdir', [mirror]);
  expect(await shell(await recipe())).toMatchObject({ code: 0 });
  const before = await pool(mirror);
  expect(before).toEqual(expect.arrayContaining([layerOf('1'), layerOf('2')]));
  expect(await shell(await removal())).toMatchObject({ code: 0, stderr: '' });
  expect(await pool(mirror)).toEqual(before.filter((name) => name !== layerOf('1')));
  expect([there(layerOf('1')), there(layerOf('2'))]).toEqual([false, true]);
});
