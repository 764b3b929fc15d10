import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, layTree } from '@gantry/tree';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { attempt, run } from '../servers/run.ts';
import { startToxiproxy } from '../servers/toxiproxy.ts';
import { until } from '../servers/until.ts';
import {
  freshFolders,
  SCRIPT,
  inFolder,
  publish,
  copy,
  filesOf,
  serialOf,
  expectWhole,
  wrap,
  master,
  mirror,
} from './mirror-world.ts';

freshFolders();

const layersOfBoth = async () =>
  ['one', 'two'].filter((name) => existsSync(path.join(mirror, blobPath(digestOf(Buffer.from(name))))));
/** How many blocks of the file system that the mirror is on are free. */
const freeBlocks = async () => Number((await run('stat', ['-f', '-c', '%a', mirror])).trim());

describe('what a run makes of the mirror', () => {
  const real = needs('rsync', 'nginx');
  real.test('a mirror of a part becomes one of all, and one of all becomes one of a part', async () => {
    const repositories = ['one', 'two'].map((name) => ({ name, tags: {}, blobs: [Buffer.from(name)] }));
    await layTree(master, { repositories });
    expect(await copy(master, '--repository', 'one')).toMatchObject({ code: 0, stderr: '' });
    expect(await layersOfBoth()).toEqual(['one']);
    expect((await copy(master, '--repository', 'one')).stdout).toContain('at serial 1 already');
    expect(await copy(master)).toMatchObject({ code: 0, stderr: '' });
    expect(await layersOfBoth()).toEqual(['one', 'two']);
    await expectWhole(mirror);
    expect(await copy(master, '--keep', '0', '--repository', 'two')).toMatchObject({ code: 0, stderr: '' });
    expect(await layersOfBoth()).toEqual(['two']);
  });

  real.test(
    'a statement that was damaged here is fetched again, and all of history is held against it',
    async () => {
      await publish('1', '2', '3');
      expect((await copy(master)).code).toBe(0);
      await publish('1');
      const second = path.join(mirror, 'serial/000000000002.json');
      await chmod(second, 0o644);
      await writeFile(second, (await readFile(second, 'utf8')).replace('2026', '2025'));
      expect(await copy(master, '--full')).toMatchObject({ code: 0, stderr: '' });
      await expectWhole(mirror);
      expect(await filesOf(mirror)).toEqual(await filesOf(master));
    },
  );

  real.test('over HTTP all lists together do for a full one', async () => {
    await layTree(master, { repositories: [{ name: 'one', tags: {}, blobs: [Buffer.from('one')] }] });
    await layTree(master, { repositories: [{ name: 'two', tags: {}, blobs: [Buffer.from('two')] }] });
    await using nginx = await startNginx({ root: master, rules: true });
    expect(await copy(nginx.url)).toMatchObject({ code: 0, stderr: '' });
    expect(await filesOf(mirror)).toEqual(await filesOf(master));
  });

  real.test('told of a serial while it is at work, a run looks once more before it ends', async () => {
    await publish('1');
    const [held, free] = [inFolder('held'), inFolder('free')];
    // The first copy has the pointer, and waits at its second call.
    const env = await wrap(
      'rsync',
      `if [ -e ${held}.1 ]; then : >${held}; while [ ! -e ${free} ]; do sleep 0.1; done; fi; : >${held}.1`,
    );
    const first = attempt('sh', [SCRIPT, master, mirror], { env });
    await until('the first run to be at work', () => existsSync(held));
    await publish('2');
    expect(await copy(master)).toMatchObject({ code: 4 });
    await writeFile(free, '');
    expect(await first).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('looking once more'),
    });
    expect(await serialOf(mirror)).toBe(2);
    await expectWhole(mirror);
  });
});

describe('with BusyBox', () => {
  const real = needs('rsync', 'busybox');
  real.test('with nothing but BusyBox and rsync it does the same', async () => {
    const bin = inFolder('bin');
    await mkdir(bin);
    await run('busybox', ['--install', '-s', bin]);
    const rsync = (await run('sh', ['-c', 'command -v rsync'])).trim();
    await run('ln', ['-s', rsync, bin]);
    const busybox = (...options: readonly string[]) =>
      attempt(path.join(bin, 'sh'), [SCRIPT, ...options, master, mirror], { env: { PATH: bin } });
    await publish('1', '2');
    expect(await busybox('--digests')).toMatchObject({ code: 0, stderr: '' });
    await publish('3');
    expect(await busybox('--digests')).toMatchObject({ code: 0, stderr: '' });
    expect(await filesOf(mirror)).toEqual(await filesOf(master));
    await expectWhole(mirror);
    expect(await busybox('--repository', 'app*')).toMatchObject({ code: 0, stderr: '' });
    expect(await serialOf(mirror)).toBe(3);
  });
});

describe('over a connection that breaks', () => {
  const real = needs('rsync', 'toxiproxy-server');
  real.test('connections that break leave the mirror whole, and a later run completes it', async () => {
    await publish('1');
    await using rsyncd = await startRsyncd(master);
    expect((await copy(rsyncd.url)).code).toBe(0);
    await publish('2', '3');
    await using proxy = await startToxiproxy(new URL(rsyncd.url).host, 1);
    const url = `rsync://${new URL(proxy.url).host}/gantry`;
    for (const bytes of [10, 300, 1000, 1500]) {
      await proxy.add('cut', { type: 'limit_data', attributes: { bytes } });
      expect([bytes, (await copy(url)).code]).toEqual([bytes, 75]);
      expect(await serialOf(mirror)).toBe(1);
      await expectWhole(mirror);
      await proxy.remove('cut');
    }
    expect(await copy(url)).toMatchObject({ code: 0, stderr: '' });
    expect(await serialOf(mirror)).toBe(3);
    await expectWhole(mirror);
  });
});

describe('on a disk that is full', () => {
  const real = needs('rsync', 'tmpfs', 'busybox');
  real.test(
    'a disk that is full, at whatever moment, leaves the mirror whole; with room it goes on',
    async () => {
      await publish('1');
      await mkdir(mirror);
      await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'gantry-test', mirror]);
      try {
        expect((await copy(master)).code).toBe(0);
        await publish('2', '3');
        const filler = path.join(mirror, '.tmp/filler');
        const shells = [['sh'], ['busybox', 'sh']] as const;
        let [failed, left] = [0, 0];
        for (; (await serialOf(mirror)) === 1; left++) {
          await run('dd', [
            'if=/dev/zero',
            `of=${filler}`,
            'bs=4096',
            `count=${(await freeBlocks()) - left}`,
          ]);
          const [shell, ...words] = shells[left % 2] ?? ['sh'];
          const { code, stderr } = await attempt(shell, [...words, SCRIPT, master, mirror]);
          await run('rm', ['-f', filler]);
          await expectWhole(mirror, { early: true });
          if (code === 0) continue;
          failed++;
          expect([left, code]).toEqual([left, 1]);
          expect(stderr).toMatch(/is the disk full|No space left/);
        }
        expect(failed).toBeGreaterThan(5);
        expect((await copy(master)).stdout).toContain('at serial 3 already');
        expect(await filesOf(mirror)).toEqual(await filesOf(master));
      } finally {
        await run('umount', ['--lazy', mirror]);
      }
    },
    120_000,
  );
});
