import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('set-up.js', import.meta.url));
/** Makes Node say that it is of another version. */
const pretend = (version: string) =>
  `--import=data:text/javascript,${encodeURIComponent(
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  )}`;

/** A checkout with a lock file, and an npm on PATH that notes how it was called and does what the test says. */
let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'gantry-set-up-')));
  await mkdir(path.join(root, 'scripts'));
  await mkdir(path.join(root, 'tools'));
  await copyFile(SCRIPT, path.join(root, 'scripts/set-up.js'));
  await writeFile(path.join(root, 'package.json'), '{"type":"module"}');
  await writeFile(path.join(root, 'package-lock.json'), '{"lockfileVersion":3}');
  await npmDoes(INSTALL);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const INSTALL = `mkdir -p node_modules/.bin
ln -sf '${process.execPath}' node_modules/.bin/node
echo '{}' > node_modules/.package-lock.json`;

async function npmDoes(lines: string): Promise<void> {
  const npm = path.join(root, 'tools/npm');
  await writeFile(
    npm,
    `#!/bin/sh\necho "$PWD: $*" >> '${root}/calls'\necho "$PATH" > '${root}/path'\n${lines}\n`,
  );
  await chmod(npm, 0o755);
}

function setUp(version = '20.20.2'): { code: number | null; said: string } {
  const bin = path.join(root, 'node_modules/.bin');
  const { status, stderr } = spawnSync(
    process.execPath,
    [pretend(version), path.join(root, 'scripts/set-up.js')],
    {
      env: { PATH: `${bin}:${path.join(root, 'tools')}:/usr/bin:/bin` },
      cwd: tmpdir(),
      encoding: 'utf8',
    },
  );
  return { code: status, said: stderr };
}

async function calls(): Promise<string[]> {
  const file = path.join(root, 'calls');
  return existsSync(file) ? (await readFile(file, 'utf8')).trim().split('\n') : [];
}

const CI = () => `${root}: ci --no-audit --no-fund --include=dev --include=optional --loglevel=error`;

describe('setting up a checkout', () => {
  test('a fresh one gets its dependencies, and says why', async () => {
    expect(setUp()).toEqual({
      code: 0,
      said: 'gantry: there are no dependencies yet: installing the dependencies (npm ci)\n',
    });
    expect(await calls()).toEqual([CI()]);
    expect(await readFile(path.join(root, 'path'), 'utf8')).not.toContain('node_modules');
  });

  test('a second time there is nothing to do, and nothing is said', async () => {
    setUp();
    expect(setUp()).toEqual({ code: 0, said: '' });
    expect(await calls()).toHaveLength(1);
  });

  test('a changed lock file brings the dependencies anew, whatever its time', async () => {
    setUp();
    await writeFile(path.join(root, 'package-lock.json'), '{"lockfileVersion":3,"x":1}');
    const later = new Date(Date.now() + 60_000);
    await utimes(path.join(root, 'package-lock.json'), later, later);
    expect(setUp().said).toBe(
      'gantry: package-lock.json has changed: installing the dependencies (npm ci)\n',
    );
    expect(setUp().said).toBe('');
    expect(await calls()).toHaveLength(2);
  });

  test('dependencies that were installed by hand after the lock file changed are fine', async () => {
    await mkdir(path.join(root, 'node_modules/.bin'), { recursive: true });
    await writeFile(path.join(root, 'node_modules/.bin/node'), '');
    const earlier = new Date(Date.now() - 60_000);
    await utimes(path.join(root, 'package-lock.json'), earlier, earlier);
    await writeFile(path.join(root, 'node_modules/.package-lock.json'), '{}');
    expect(setUp()).toEqual({ code: 0, said: '' });
    await utimes(path.join(root, 'node_modules/.package-lock.json'), new Date(0), new Date(0));
    expect(setUp()).toEqual({ code: 0, said: '' });
    expect(await calls()).toEqual([]);
  });

  test('an installation that was interrupted is begun again', async () => {
    await mkdir(path.join(root, 'node_modules/.bin'), { recursive: true });
    await writeFile(path.join(root, 'node_modules/.bin/node'), '');
    expect(setUp().said).toBe(
      'gantry: the dependencies are not whole: installing the dependencies (npm ci)\n',
    );
  });

  test('a pinned Node that is gone is brought back', async () => {
    setUp();
    await rm(path.join(root, 'node_modules/.bin/node'));
    expect(setUp().said).toBe('gantry: the pinned Node is missing: installing the dependencies (npm ci)\n');
    expect(existsSync(path.join(root, 'node_modules/.bin/node'))).toBe(true);
  });
});

describe('what can go wrong', () => {
  test('npm that fails ends it with the code of npm, and the next time tries again', async () => {
    await npmDoes('mkdir -p node_modules; echo "no network" >&2; exit 7');
    const { code, said } = setUp();
    expect(code).toBe(7);
    expect(said).toContain(
      'no network\ngantry: npm ci failed, it says why above: put that right and run this again\n',
    );
    await npmDoes(INSTALL);
    expect(setUp().code).toBe(0);
    expect(setUp().said).toBe('');
  });

  test('npm that is not there is told of', async () => {
    await rm(path.join(root, 'tools/npm'));
    const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'scripts/set-up.js')], {
      env: { PATH: path.join(root, 'tools') },
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('npm does not start: spawnSync npm ENOENT');
  });

  test('a platform without a pinned Node goes on with the one that is installed, if that is new enough', async () => {
    await npmDoes("mkdir -p node_modules; echo '{}' > node_modules/.package-lock.json");
    const old = setUp('22.0.0');
    expect(old.code).toBe(1);
    expect(old.said).toContain(
      `there is no pinned Node for ${process.platform} on ${process.arch}: install Node 26 or newer`,
    );
    await rm(path.join(root, 'node_modules'), { recursive: true });
    const recent = setUp('27.0.0');
    expect(recent.code).toBe(0);
    expect(recent.said).toContain('going on with the Node that is installed');
    expect(setUp('27.0.0')).toEqual({ code: 0, said: '' });
  });

  test('a pinned Node that does not run here is put out of the way of the one that is installed', async () => {
    await npmDoes(`${INSTALL}\nrm node_modules/.bin/node\necho 'not a program' > node_modules/.bin/node`);
    expect(setUp('26.0.0').said).toContain('the pinned Node does not run on this system: going on with');
    expect(existsSync(path.join(root, 'node_modules/.bin/node'))).toBe(false);
    expect(setUp('26.0.0')).toEqual({ code: 0, said: '' });
  });

  test('a Node that is too old to set up is told which one is needed', () => {
    expect(setUp('18.20.0')).toMatchObject({
      code: 1,
      said: expect.stringContaining('Node 20 or newer is needed to set Gantry up') as string,
    });
  });
});
