import { chown, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openTreeTarget } from '@gantry/pipeline';
import { createInProcessRegistry, makeImage, makeLayer } from '@gantry/registry';
import type { BlobStore } from '@gantry/store';
import { layTree, POINTER_PATH } from '@gantry/tree';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { mountExfat } from '../servers/exfat.ts';
import {
  embeddedConfiguration,
  gantry,
  GANTRY_BIN,
  startGantry,
  writeConfiguration,
} from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { withLogs } from '../servers/process.ts';
import { attempt, run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** Places where a tree can not be, or can be only at a cost: each is told by its name, before anything is written. */

/** A place with a tree at serial 1. */
async function laidTree() {
  const folder = await temporaryFolder('tree-places');
  const root = path.join(folder.path, 'tree');
  await layTree(root, { repositories: [] });
  return { folder: folder.path, root, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

type Laid = Awaited<ReturnType<typeof laidTree>>;

const open = (root: string) => openTreeTarget({ filesystem: { root } }, {} as BlobStore);

/** All that lies in a folder, with what a write would change. */
async function stateOf(folder: string): Promise<unknown> {
  const names = (await readdir(folder, { recursive: true })).toSorted();
  return Promise.all(
    ['.', ...names].map(async (name) => {
      const { mode, mtimeMs, ino, size } = await lstat(path.join(folder, name));
      return [name, mode, mtimeMs, ino, size];
    }),
  );
}

/** Makes a tree's pointer one of a format that is to come. */
async function raiseFormat(root: string): Promise<void> {
  const place = path.join(root, POINTER_PATH);
  const statement = JSON.parse(await readFile(place, 'utf8')) as object;
  await rm(place);
  await writeFile(place, JSON.stringify({ ...statement, format: 2 }));
}

const REFUSED: readonly (readonly [string, (laid: Laid) => Promise<unknown>, string])[] = [
  [
    'a folder with something else in it',
    async ({ root }) => {
      await rm(root, { recursive: true });
      await mkdir(root);
      await writeFile(path.join(root, 'photo.jpg'), '');
    },
    'tree holds "photo.jpg" and is not a tree: name an empty folder',
  ],
  [
    'a tree with a foreign file beside its folders',
    ({ root }) => writeFile(path.join(root, 'README.txt'), ''),
    'tree holds "README.txt", which is no part of a tree, where all is public and mirrored: move it elsewhere',
  ],
  [
    'a tree with a foreign folder in its pool',
    ({ root }) => mkdir(path.join(root, 'pool', 'mine')),
    'tree/pool holds "mine", which is no part of a tree',
  ],
  [
    'a tree of which a folder is a symbolic link',
    async ({ root, folder }) => {
      await rename(path.join(root, 'pool', 'index'), path.join(folder, 'elsewhere'));
      await symlink(path.join(folder, 'elsewhere'), path.join(root, 'pool', 'index'));
    },
    'tree/pool/index is a symbolic link, and no reader follows one in a tree',
  ],
  [
    'a tree with a file where a folder should be',
    async ({ root }) => {
      await rm(path.join(root, 'lists'), { recursive: true });
      await writeFile(path.join(root, 'lists'), '');
    },
    'tree/lists is a file, where a tree has a folder',
  ],
  [
    'a file',
    async ({ root }) => {
      await rm(root, { recursive: true });
      await writeFile(root, '');
    },
    'tree is a file: name a folder',
  ],
  [
    'a symbolic link to nothing',
    async ({ root, folder }) => {
      await rm(root, { recursive: true });
      await symlink(path.join(folder, 'nothing'), root);
    },
    'tree is a symbolic link to nothing: make the folder that it names',
  ],
  [
    'a tree of a newer format',
    ({ root }) => raiseFormat(root),
    'is of format 2, and this version of Gantry writes format 1: a newer one is needed, or another place for the tree',
  ],
];

describe('a folder that can not be a tree is refused by its name, and stays as it is', () => {
  test.each(REFUSED)('%s', async (_, make, why) => {
    await using laid = await laidTree();
    await make(laid);
    const before = await stateOf(laid.folder);
    await expect(open(laid.root)).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringMatching(new RegExp(`^tree\\.filesystem\\.root: .*${RegExp.escape(why)}`)),
    });
    expect(await stateOf(laid.folder)).toEqual(before);
  });

  test('a folder below a file', async () => {
    await using laid = await laidTree();
    await writeFile(path.join(laid.folder, 'file'), '');
    await expect(open(path.join(laid.folder, 'file', 'tree'))).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining('a file is where a folder should be'),
    });
  });
});

describe('a folder that is a tree is taken', () => {
  test('through a symbolic link, and with what the file system has put there', async () => {
    await using laid = await laidTree();
    await mkdir(path.join(laid.root, 'lost+found'));
    await symlink(laid.root, path.join(laid.folder, 'link'));
    const target = await open(path.join(laid.folder, 'link'));
    expect(await target.highestSerial()).toBe(1);
  });

  test('with what a mirror or a publisher has left on its way', async () => {
    await using laid = await laidTree();
    await mkdir(path.join(laid.root, '.tmp', 'mirror'), { recursive: true });
    expect(await (await open(laid.root)).highestSerial()).toBe(1);
  });
});

test('a tree of a newer format is named by the service, the crane and verify', async () => {
  await using laid = await laidTree();
  const configuration = await embeddedConfiguration({});
  await mkdir(path.join(laid.folder, 'data'));
  await rename(laid.root, path.join(laid.folder, 'data', 'tree'));
  await raiseFormat(path.join(laid.folder, 'data', 'tree'));
  const file = await writeConfiguration(laid.folder, configuration);
  const newer =
    /of format 2, and this version of Gantry (?:reads up to|writes format) 1: a newer one is needed/;
  const serve = await gantry(laid.folder, ['serve', 'all', '--config', file]);
  expect([serve.code, serve.stderr + serve.stdout]).toEqual([2, expect.stringMatching(newer)]);
  const verify = await gantry(laid.folder, ['verify', path.join(laid.folder, 'data', 'tree')]);
  expect([verify.code, verify.stdout + verify.stderr]).toEqual([1, expect.stringMatching(newer)]);

  await using crane = await startGantry({ folder: laid.folder, configuration, service: 'crane' });
  expect((await fetch(`http://${crane.crane}/v2/app/manifests/latest`)).status).toBe(503);
  await until('the crane to say why', () => newer.test(crane.log()));
});

const real = needs('tmpfs');

real.test('a tree on a file system that is mounted read-only is refused by its name', async () => {
  await using laid = await laidTree();
  await using mounted = await mountTmpfs(laid.root);
  await layTree(laid.root, { repositories: [] });
  await run('mount', ['-o', 'remount,ro', mounted.place]);
  await expect(open(laid.root)).rejects.toMatchObject(readOnly('/tree'));
  await expect(open(path.join(laid.root, 'below', 'it'))).rejects.toMatchObject(readOnly('/tree/below/it'));
});

real.test(
  'a tree of which a folder belongs to another user is refused by the name of the folder',
  async () => {
    await using laid = await laidTree();
    const data = path.join(laid.folder, 'data');
    await mkdir(data);
    const root = path.join(data, 'tree');
    await rename(laid.root, root);
    for (const place of [laid.folder, data, root, path.join(root, 'lists'), path.join(root, 'serial')])
      await chown(place, NOBODY, NOBODY);
    const file = await writeConfiguration(laid.folder, await embeddedConfiguration({}));
    await chown(file, NOBODY, NOBODY);
    const before = await stateOf(root);
    const as = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];
    const words = ['serve', 'all', '--config', file];
    const served = await attempt('setpriv', [...as, process.execPath, GANTRY_BIN, ...words]);
    expect([served.code, served.stderr + served.stdout]).toEqual([
      2,
      expect.stringContaining('tree/pool can not be written to: this user may not write there'),
    ]);
    expect(await stateOf(root)).toEqual(before);
  },
);

const NOBODY = 65_534;

function readOnly(what: string) {
  const why = 'can not be written to: its file system is mounted read-only';
  return { code: 'CONFIGURATION_INVALID', message: expect.stringContaining(`${what} ${why}`) as string };
}

real.test(
  'a tree on another file system than the store has copies, and says once what that costs',
  async () => {
    await using laid = await laidTree();
    const tree = path.join(laid.folder, 'data', 'tree');
    await mkdir(tree, { recursive: true });
    await using _ = await mountTmpfs(tree);
    await publishesByCopy(
      laid.folder,
      path.join(laid.folder, 'data'),
      'lies on another file system than the store',
    );
  },
  120_000,
);

needs('exfat').test(
  'a tree on a file system without hardlinks has copies, and says once what that costs',
  async () => {
    await using laid = await laidTree();
    await using exfat = await mountExfat();
    await publishesByCopy(laid.folder, exfat.path, 'can have no hardlinks to the store');
  },
  120_000,
);

async function mountTmpfs(place: string): Promise<AsyncDisposable & { readonly place: string }> {
  await run('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'gantry-test', place]);
  return { place, [Symbol.asyncDispose]: async () => void (await run('umount', ['--lazy', place])) };
}

/** Publishes two images into `tree` in a folder, whose store is beside it; a crane serves them, and all is as it should be. */
async function publishesByCopy(folder: string, place: string, why: string): Promise<void> {
  const registry = createInProcessRegistry();
  for (const tag of ['1', '2'])
    registry.push(
      'app',
      makeImage({
        platform: { os: 'linux', architecture: 'amd64' },
        layers: [makeLayer([{ path: '/data', content: randomBytes(tag, 300_000) }])],
      }),
      tag,
    );
  await using listening = await registry.listen();
  const configuration = {
    ...(await embeddedConfiguration({
      sources: [{ name: 'x', registry: listening.url }],
      crane: { tree: path.join(place, 'tree') },
    })),
    storage: { filesystem: { root: path.join(place, 'store') } },
    tree: { filesystem: { root: path.join(place, 'tree') } },
  };
  await using service = await startGantry({ folder, configuration });
  try {
    expect(await service.api.sync('x')).toMatchObject({ state: 'done', errors: [] });
    for (const tag of ['1', '2']) {
      const promoted = await service.api.promote('stable', [{ repository: 'app', reference: tag }]);
      expect(promoted.state).toBe('done');
    }
    expect((await fetch(`http://${service.crane}/v2/app/manifests/2`)).status).toBe(200);
    const told = service
      .log()
      .split('\n')
      .filter((line) => line.includes('tree.trouble'));
    expect(told).toEqual([expect.stringContaining(why)]);
    expect(told[0]).toContain('takes its size once more');
    const tree = path.join(place, 'tree');
    expect(await gantry(folder, ['verify', tree, '--deep'])).toMatchObject({ code: 0 });
    // Begun anew, on what is there.
    await service.stop();
    await using again = await startGantry({ folder, configuration });
    const moved = await again.api.promote('stable', [{ repository: 'app', reference: '1', tags: ['2'] }]);
    expect(moved.state).toBe('done');
  } catch (error) {
    throw withLogs(error, [service]);
  }
}
