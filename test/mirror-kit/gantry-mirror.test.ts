import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import {
  blobPath,
  directoryTree,
  layTree,
  listPath,
  manifestPath,
  openTree,
  POINTER_PATH,
} from '@gantry/tree';
import { imageOf } from '../fixtures/publishing.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { attempt } from '../servers/run.ts';
import {
  freshFolders,
  SCRIPT,
  NOW,
  inFolder,
  publish,
  copy,
  filesOf,
  pool,
  serialOf,
  expectWhole,
  restate,
  wrap,
  master,
  mirror,
} from './mirror-world.ts';

const real = needs('rsync', 'nginx');
freshFolders();

real.test('a new mirror is the whole tree, and the next serials cost what they bring', async () => {
  await publish('1');
  await using rsyncd = await startRsyncd(master);
  expect(await copy(rsyncd.url)).toMatchObject({ code: 0, stderr: '' });
  expect(await filesOf(mirror)).toEqual(await filesOf(master));
  await expectWhole(mirror);

  const before = new Set(await filesOf(master));
  await publish('2', '3');
  const added = (await filesOf(master)).filter((name) => !before.has(name) && name.startsWith('pool/'));
  const dry = await copy(rsyncd.url, '--dry-run');
  expect(dry.stdout.split('\n').filter((line) => line.startsWith('+ '))).toEqual(
    expect.arrayContaining(added.map((name) => `+ ${name}`)),
  );
  expect(await serialOf(mirror)).toBe(1);

  const copied = await copy(rsyncd.url, '--digests');
  expect(copied.stdout).toContain(`serial 1 to 3: ${added.length} files`);
  expect(await filesOf(mirror)).toEqual(await filesOf(master));
  await expectWhole(mirror);
  expect((await copy(rsyncd.url)).stdout).toBe('gantry-mirror: at serial 3 already\n');
});

real.test('over HTTP it is the same, by the full list and by what came after it', async () => {
  await publish('1', '2');
  await using nginx = await startNginx({ root: master, rules: true });
  expect(await copy(nginx.url)).toMatchObject({ code: 0, stderr: '' });
  expect(await pool(mirror)).toEqual(await pool(master));
  await publish('3');
  await nginx.forgetRequests();
  expect(await copy(nginx.url)).toMatchObject({ code: 0, stderr: '' });
  expect(await pool(mirror)).toEqual(await pool(master));
  expect(await serialOf(mirror)).toBe(3);
  const asked = (await nginx.requests()).map((request) => request.path);
  expect(asked.filter((name) => name.includes('/pool/'))).toHaveLength(
    formatLines(await readFile(path.join(master, listPath(3)), 'utf8')),
  );
});
const formatLines = (list: string) => list.trim().split('\n').length;

const layerOfFirst = () => blobPath(imageOf('1').children[0]?.blobs[1]?.digest ?? 'sha256:');

real.test('what the lists take away is deleted, however much it is', async () => {
  await publish('1');
  expect((await copy(master)).code).toBe(0);
  await restate([{ op: '-', path: layerOfFirst() }]);
  expect(await copy(master, '--max-delete', '0')).toMatchObject({ code: 0, stderr: '' });
  expect(await filesOf(mirror)).not.toContain(layerOfFirst());
  expect(await serialOf(mirror)).toBe(2);
});

real.test('what is found by looking is deleted last, and not when it is too much', async () => {
  await publish('1');
  expect((await copy(master)).code).toBe(0);
  const strays = ['01', '02'].map((start) => `pool/blobs/sha256/${start}/${start}${'0'.repeat(62)}`);
  for (const stray of strays) {
    await mkdir(path.dirname(path.join(mirror, stray)), { recursive: true });
    await writeFile(path.join(mirror, stray), '');
  }
  await restate([{ op: '-', path: layerOfFirst() }]);
  expect((await copy(master, '--dry-run', '--full', '--keep', '0')).stdout).toContain(', 3 to delete\n');
  expect((await copy(master)).code).toBe(0);
  const refused = await copy(master, '--full', '--keep', '0', '--max-delete', '1');
  expect(refused).toMatchObject({ code: 5 });
  expect(refused.stderr).toContain(
    '2 files that nothing names would be deleted, and --max-delete is 1: none of them was',
  );
  expect(await filesOf(mirror)).toEqual(expect.arrayContaining(strays));
  expect(await filesOf(mirror)).not.toContain(layerOfFirst());
  expect(await serialOf(mirror)).toBe(2);

  // A list's line does not wait behind them, and what was left is not forgotten.
  const root = (await pool(mirror)).filter(
    (name) => name.startsWith('pool/blobs/') && !strays.includes(name),
  )[0];
  await restate([{ op: '-', path: root ?? '' }]);
  expect((await copy(master, '--max-delete', '1')).code).toBe(5);
  expect(await filesOf(mirror)).not.toContain(root);
  expect(await filesOf(mirror)).toEqual(expect.arrayContaining(strays));
  expect((await copy(master, '--max-delete', '2')).code).toBe(0);
  expect((await filesOf(mirror)).filter((name) => strays.includes(name))).toEqual([]);
});

real.test('a file that was taken away and came back stays', async () => {
  await publish('1');
  expect((await copy(master)).code).toBe(0);
  const list = await readFile(path.join(master, listPath(1)), 'utf8');
  const layer = imageOf('1').children[0]?.blobs[1]?.digest ?? 'sha256:';
  const [, size, sha256, name = ''] =
    list
      .split('\n')
      .find((line) => line.includes(layer.slice(7)))
      ?.split(' ') ?? [];
  await restate([{ op: '-', path: name }]);
  // A run that ends before it has deleted notes what it was to delete.
  const env = await wrap('rm', `case "$*" in *${name}*) exit 1 ;; esac`);
  expect((await attempt('sh', [SCRIPT, master, mirror], { env })).code).toBe(1);
  expect([await serialOf(mirror), await filesOf(mirror)]).toEqual([2, expect.arrayContaining([name])]);
  await restate([{ op: '+', size: Number(size), sha256: String(sha256), path: name }]);
  expect((await copy(master)).code).toBe(0);
  expect(await filesOf(mirror)).toContain(name);
});

real.test(
  'killed before any call of rsync, it is at its old serial, whole, and the next run completes it',
  async () => {
    await publish('1');
    expect((await copy(master)).code).toBe(0);
    await publish('2');
    const calls = inFolder('calls');
    for (let killed = 1; ; killed++) {
      await writeFile(calls, '');
      const env = await wrap(
        'rsync',
        `echo >>${calls}; if [ "$(wc -l <${calls})" -eq ${killed} ]; then kill -9 $(cat ${mirror}/.tmp/mirror/lock/pid); exit 1; fi`,
      );
      const { code } = await attempt('sh', [SCRIPT, master, mirror], { env });
      if (code === 0) {
        expect(killed).toBeGreaterThan(3); // the pointer, the list, the pool
        break;
      }
      expect(await serialOf(mirror)).toBe(1);
      await expectWhole(mirror);
    }
    expect(await serialOf(mirror)).toBe(2);
    await expectWhole(mirror);
  },
);

real.test(
  'a master that goes on meanwhile: the pointer that was there first is the one that is put in place',
  async () => {
    await publish('1');
    expect((await copy(master)).code).toBe(0);
    await publish('2');
    const next = inFolder('next');
    await attempt('cp', ['-a', master, next]);
    const [pointer, hidden] = [path.join(master, POINTER_PATH), inFolder('pointer')];
    await publish('3');
    await attempt('cp', ['-p', pointer, hidden]);
    await attempt('cp', ['-pf', path.join(next, POINTER_PATH), pointer]); // the master is at 2 again, and moves after the first call
    const env = await wrap(
      'rsync',
      `if [ -e ${inFolder('once')} ]; then cp -pf ${hidden} ${pointer}; fi; : >${inFolder('once')}`,
    );
    expect(await attempt('sh', [SCRIPT, master, mirror], { env })).toMatchObject({ code: 0 });
    expect(await serialOf(mirror)).toBe(2);
    await expectWhole(mirror);
    expect((await copy(master)).code).toBe(0);
    expect(await serialOf(mirror)).toBe(3);
  },
);

real.test('a file that does not come leaves the mirror where it was', async () => {
  await publish('1');
  expect((await copy(master)).code).toBe(0);
  const absent = blobPath(digestOf(Buffer.from('never there')));
  await restate([{ op: '+', size: 11, sha256: absent.slice(-64), path: absent }]);
  const outcome = await copy(master);
  expect(outcome).toMatchObject({ code: 75 });
  expect(outcome.stdout).toContain(`1 files that serial 2 names did not come, for instance ${absent}`);
  expect(await serialOf(mirror)).toBe(1);
  await expectWhole(mirror);
});

const refusals: readonly [string, number, string, () => Promise<unknown>][] = [
  ['another tree', 3, 'is another tree', () => layTree(inFolder('other'), { repositories: [], serial: 9 })],
  [
    'a fork of the current serial',
    3,
    'has another serial 2',
    () => restate([], { serial: 2, previous: { serial: 1, digest: digestOf(Buffer.from('x')) } }),
  ],
  [
    'a serial that follows another one',
    3,
    'does not go on from serial 2',
    () => restate([], { previous: { serial: 2, digest: digestOf(Buffer.from('x')) } }),
  ],
  [
    'a serial that is older',
    3,
    'has gone back from serial 2 to 1',
    async () => {
      await attempt('cp', [
        '-f',
        path.join(master, 'serial/000000000001.json'),
        path.join(master, POINTER_PATH),
      ]);
    },
  ],
  [
    'a list with a path out of the tree',
    1,
    'is none of a list: + 1',
    async () => {
      const line = {
        op: '+' as const,
        size: 1,
        sha256: 'a'.repeat(64),
        path: 'pool/blobs/sha256/../../../../etc/passwd',
      };
      await restate([line]);
    },
  ],
  [
    'a pointer that is none',
    1,
    'is no statement',
    async () => {
      await chmod(path.join(master, POINTER_PATH), 0o644);
      await writeFile(path.join(master, POINTER_PATH), '<html>');
    },
  ],
];

for (const [what, code, said, change] of refusals) {
  real.test(`${what} is refused with ${code}, and the mirror stays`, async () => {
    await publish('1', '2');
    expect((await copy(master)).code).toBe(0);
    await change();
    const outcome = await copy(what === 'another tree' ? inFolder('other') : master);
    expect(outcome).toMatchObject({ code });
    expect(outcome.stderr).toContain(said);
    expect(await serialOf(mirror)).toBe(2);
    await expectWhole(mirror);
  });
}

real.test(
  'a master that is not there, a second run at once and wrong usage have codes of their own',
  async () => {
    await publish('1');
    expect((await copy('rsync://127.0.0.1:1/gantry')).code).toBe(75);
    await mkdir(path.join(mirror, '.tmp/mirror/lock'), { recursive: true });
    await writeFile(path.join(mirror, '.tmp/mirror/lock/pid'), `${process.pid}\n`);
    expect(await copy(master)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`the run ${process.pid}`),
    });
    expect((await copy(master, '--max-delete', 'x')).code).toBe(2);
    expect((await copy(master, '--nonsense')).code).toBe(2);
    expect((await attempt('sh', [SCRIPT, '--help'])).stdout).toContain('usage: gantry-mirror');
    await writeFile(inFolder('foreign'), '');
    expect((await attempt('sh', [SCRIPT, master, inFolder('.')])).stderr).toContain('holds something else');
  },
);

real.test(
  'some repositories alone: what they need is there, and of the others nothing but documents',
  async () => {
    const images = Object.fromEntries(['one', 'two', 'three'].map((text) => [text, imageOf(text)] as const));
    const repositoryOf = (name: string, text: string, channel: string, tags: readonly string[]) => {
      const index = images[text] as ReturnType<typeof imageOf>;
      const all = [index, ...index.children];
      return {
        name,
        channel,
        tags: new Map(tags.map((tag) => [tag, index.digest])),
        manifests: all.map(({ bytes }) => bytes),
        blobs: all.flatMap(({ blobs }) => blobs.map(({ bytes }) => bytes)),
      };
    };
    const many = Array.from({ length: 5000 }, (_, n) => `v${n}`); // more than one document holds
    await layTree(master, {
      repositories: [
        repositoryOf('fedora/one', 'one', 'stable', many),
        repositoryOf('fedora/two', 'two', 'testing', ['1']),
        repositoryOf('other', 'three', 'stable', ['1', '00']),
      ],
      publishedMs: Date.parse(NOW),
    });
    const layers = async () => {
      const files = await filesOf(mirror);
      return ['one', 'two', 'three'].filter((text) => {
        const image = images[text]?.children[0];
        const wanted = [
          manifestPath('oci-index', images[text]?.digest ?? 'sha256:'),
          manifestPath('oci-manifest', image?.digest ?? 'sha256:'),
          ...(image?.blobs.map(({ digest }) => blobPath(digest)) ?? []),
        ];
        return wanted.every((name) => files.includes(name));
      });
    };
    expect(await copy(master, '--repository', 'fedora/*')).toMatchObject({ code: 0, stderr: '' });
    expect(await layers()).toEqual(['one', 'two']);
    const view = await openTree(directoryTree(mirror));
    expect((await view?.repository('fedora/one'))?.tags.size).toBe(5000);
    expect(
      await copy(master, '--keep', '0', '--repository', 'fedora/*', '--channel', 'stable'),
    ).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await layers()).toEqual(['one']);
    expect(await copy(master, '--keep=0s', '--channel', 'stable')).toMatchObject({ code: 0, stderr: '' });
    expect(await layers()).toEqual(['one', 'three']);
  },
  60_000,
);
