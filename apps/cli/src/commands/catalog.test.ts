import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type CatalogCounts, openCatalog, openCatalogTransfer } from '@gantry/catalog';
import { asFault, digestOf } from '@gantry/oci';
import { makeImage, makeLayer } from '@gantry/registry';
import { layTree } from '@gantry/tree';
import { gantry } from '../cli.fixture.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const MINUTE_MS = 60_000;
const image = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: 'a', content: 'b' }])],
});

interface Place extends AsyncDisposable {
  readonly cwd: string;
  /** The catalog that is there from the beginning. */
  readonly from: string;
  readonly to: string;
}

async function openPlace(objects = 3): Promise<Place> {
  const cwd = await mkdtemp(path.join(tmpdir(), 'gantry-cli-catalog-'));
  const from = path.join(cwd, 'from.db');
  await using catalog = await openCatalog({ sqlite: { file: from } });
  const added = Array.from({ length: objects }, (_, at) => ({
    path: `pool/blobs/${at}`,
    size: at,
    sha256: digestOf(`${at}`).slice('sha256:'.length),
    since: 1,
  }));
  await catalog.pool.apply('main', 1, added, []);
  await catalog.promotions.create({
    id: 'p1',
    kind: 'promote',
    to: 'stable',
    state: 'done',
    atomic: false,
    items: [],
    requestedBy: 'test',
    timeline: [],
    createdAt: '2026-11-21T09:00:00.000Z',
  });
  const to = path.join(cwd, 'to.db');
  return { cwd, from, to, [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true }) };
}

async function countsOf(file: string): Promise<CatalogCounts> {
  await using transfer = await openCatalogTransfer({ sqlite: { file } }, 'source');
  return await transfer.count();
}

async function entriesOf(file: string): Promise<unknown[]> {
  await using transfer = await openCatalogTransfer({ sqlite: { file } }, 'source');
  return await Array.fromAsync(transfer.dump());
}

async function beat(file: string): Promise<void> {
  await using catalog = await openCatalog({ sqlite: { file } });
  const startedAt = '2026-11-21T09:00:00.000Z';
  await catalog.workers.beat(
    { id: 'w', service: 'promote', host: 'build7', pid: 77, version: '1', startedAt },
    MINUTE_MS,
  );
}

describe('gantry catalog copy', () => {
  test('copies all, says how many of what, and goes by files, variables and configuration files', async () => {
    await using place = await openPlace();
    const { cwd, from } = place;
    await writeFile(path.join(cwd, 'new.yaml'), 'catalog: { sqlite: { file: ./configured.db } }\n');
    const words: [string, string, string][] = [
      ['from.db', 'one.db', 'one.db'],
      ['sqlite:from.db', `sqlite:${path.join(cwd, 'two.db')}`, 'two.db'],
      ['env:OLD', 'new.yaml', 'configured.db'],
    ];
    for (const [source, target, file] of words) {
      const env = { OLD: from, GANTRY_CATALOG_SQLITE_FILE: path.join(cwd, 'not-this.db') };
      const ran = await gantry(['catalog', 'copy', '--from', source, '--to', target], { cwd, env });
      expect([source, ran.code, ran.err]).toEqual([source, 0, expect.not.stringContaining('gantry:')]);
      expect(ran.out).toMatch(/^WHAT +COPIED\n/);
      expect(ran.out).toMatch(/^objects in the pool +3$/m);
      expect(ran.out).toContain(`${from} is in ${path.join(cwd, file)}, all of it\n`);
      expect(await entriesOf(path.join(cwd, file))).toEqual(await entriesOf(from));
    }
    await expect(stat(path.join(cwd, 'not-this.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test("takes the configuration's catalog where no other is named, and answers as JSON", async () => {
    await using place = await openPlace();
    const { cwd, from, to } = place;
    const env = { GANTRY_CATALOG_SQLITE_FILE: from };
    const ran = await gantry(['catalog', 'copy', '--to', to, '--output', 'json'], { cwd, env });
    expect(ran).toMatchObject({ code: 0, err: expect.not.stringContaining('gantry:') });
    expect(JSON.parse(ran.out)).toEqual({ from, to, counts: await countsOf(from) });
  });

  test('refuses what can not be copied, and changes nothing then', async () => {
    await using place = await openPlace();
    const { cwd, from } = place;
    const before = await entriesOf(from);
    const cases: [string[], number, string][] = [
      [['--from', 'from.db', '--to', './from.db'], 2, 'one and the same'],
      [['--from', 'absent.db', '--to', 'to.db'], 2, 'absent.db is absent'],
      [['--from', 'env:NOWHERE', '--to', 'to.db'], 2, '--from: the environment variable "NOWHERE"'],
      [['--from', 'a.db', '--to', 'mongodb://u:p@ss/word@h'], 2, '--to: the address has an "@" behind'],
      [['--from', 'from.db', '--to', 'redis://x'], 2, '--to: "redis:" is no catalog'],
      [['--from', 'from.db', '--to', 'sqlite:'], 2, '--to: no file is named'],
      [['--from', 'from.db'], 2, '--to'],
      [
        ['--from', 'from.db', '--to', 'other.db'],
        1,
        'it holds objects in the pool (2), serials of pools (1)',
      ],
    ];
    {
      await using other = await openCatalog({ sqlite: { file: path.join(cwd, 'other.db') } });
      const object = { path: 'a', size: 1, sha256: '', since: 1 };
      await other.pool.apply('x', 1, [object, { ...object, path: 'b' }], []);
    }
    for (const [words, code, message] of cases) {
      const ran = await gantry(['catalog', 'copy', ...words], { cwd });
      expect([words, ran.code, ran.err]).toEqual([words, code, expect.stringContaining(message)]);
      expect(ran.out).toBe('');
    }
    expect(await entriesOf(from)).toEqual(before);
    await expect(stat(path.join(cwd, 'absent.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('refuses while services work on the source, unless it is told not to care, and always on the target', async () => {
    await using place = await openPlace();
    const { cwd, from, to } = place;
    await beat(from);
    const words = ['catalog', 'copy', '--from', from, '--to', to];
    const refused = await gantry(words, { cwd });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('promote on build7, process 77');
    expect(refused.err).toContain('--ignore-workers');
    expect(await gantry([...words, '--ignore-workers'], { cwd })).toMatchObject({ code: 0 });
    const used = path.join(cwd, 'used.db');
    await beat(used);
    const again = await gantry(['catalog', 'copy', '--from', from, '--to', used, '--ignore-workers'], {
      cwd,
    });
    expect(again).toMatchObject({ code: 1, err: expect.stringContaining(`the catalog ${used} is in use`) });
  });

  test('killed at any moment, it leaves nothing that is taken for whole, and the same command completes it', async () => {
    await using place = await openPlace(60_000);
    const { cwd, from, to } = place;
    const words = ['catalog', 'copy', '--from', from, '--to', to];
    const states: string[] = [];
    for (const written of [0, 100_000, 1_000_000, 3_000_000]) {
      const child = spawn(process.execPath, [MAIN, ...words], { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
      const exited = once(child, 'exit');
      const err = text(child.stderr);
      while (child.exitCode === null && (await sizeOf(to)) <= written) await pause(1);
      child.kill('SIGKILL');
      await exited;
      await err;
      states.push(await stateOf(to, from));
    }
    expect(states.filter((state) => state !== 'empty' && state !== 'half, and refused')).toEqual([]);
    expect(states).toContain('half, and refused');
    const ran = await gantry(words, { cwd });
    expect(ran).toMatchObject({ code: 0, err: expect.stringContaining('half filled by an earlier attempt') });
    expect(await entriesOf(to)).toEqual(await entriesOf(from));
  }, 120_000);
});

describe('gantry catalog backup', () => {
  test('writes a copy while the catalog is in use, and replaces no file', async () => {
    await using place = await openPlace();
    const { cwd, from } = place;
    await using catalog = await openCatalog({ sqlite: { file: from } });
    await catalog.pool.apply('main', 2, [], []);
    await beat(from);
    const env = { GANTRY_CATALOG_SQLITE_FILE: from };
    const ran = await gantry(['catalog', 'backup', 'backup.db', '--output', 'json'], { cwd, env });
    const file = path.join(cwd, 'backup.db');
    expect(JSON.parse(ran.out)).toEqual({ file, sizeBytes: (await stat(file)).size });
    expect(await entriesOf(file)).toEqual(await entriesOf(from));
    expect(await gantry(['catalog', 'backup', 'backup.db', '--from', from], { cwd })).toMatchObject({
      code: 1,
      err: expect.stringContaining('is there already'),
    });
  });
});

describe('gantry catalog rebuild', () => {
  test('refuses where there is nothing to remake a catalog from, and leaves none behind', async () => {
    await using place = await openPlace();
    const { cwd } = place;
    const ran = await gantry(['catalog', 'rebuild'], { cwd });
    expect(ran).toMatchObject({ code: 1, out: '', err: expect.stringContaining('nothing to remake') });
    await expect(stat(path.join(cwd, 'data/catalog.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('gantry catalog rebuild of a tree', () => {
  test('a dry run says what would be remade, and writes nothing', async () => {
    await using place = await openLost();
    const { cwd } = place;
    const ran = await gantry(['catalog', 'rebuild', '--dry-run', '--output', 'json'], { cwd });
    expect([ran.code, JSON.parse(ran.out)]).toMatchObject([
      0,
      {
        dryRun: true,
        serial: 1,
        channels: [{ channel: 'testing', repositories: 1, tags: 1 }],
        counts: { manifests: 1, channels: 1, publications: 1 },
        restored: { blobs: 3 },
        problems: [],
      },
    ]);
    await expect(stat(path.join(cwd, 'data/catalog.db'))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(path.join(cwd, 'data/store/blobs/sha256'))).toEqual([]);
  });

  test('it is remade once, into an empty catalog that nobody works on', async () => {
    await using place = await openLost();
    const { cwd } = place;
    const file = path.join(cwd, 'data/catalog.db');
    await beat(file);
    const used = await gantry(['catalog', 'rebuild'], { cwd });
    expect(used).toMatchObject({ code: 1, out: '', err: expect.stringContaining('promote on build7') });
    {
      await using catalog = await openCatalog({ sqlite: { file } });
      await catalog.workers.leave('w');
    }
    const ran = await gantry(['catalog', 'rebuild'], { cwd });
    expect([ran.code, ran.err]).toEqual([0, expect.not.stringContaining('gantry:')]);
    expect(ran.out).toMatch(/^CHANNEL +REPOSITORIES +TAGS\ntesting +1 +1\n/m);
    expect(ran.out).toContain('The catalog is remade, from serial 1 of the tree. 3 blobs');
    const again = await gantry(['catalog', 'rebuild'], { cwd });
    expect(again).toMatchObject({ code: 1, out: '', err: expect.stringContaining('is not empty') });
  });

  test('what can not be remade is named, and the exit code says so', async () => {
    await using place = await openLost();
    const { cwd } = place;
    const file = path.join(cwd, 'gantry.yaml');
    await writeFile(file, 'channels: [{ name: other, prefix: other/ }]\n');
    const ran = await gantry(['catalog', 'rebuild', '--config', file], { cwd });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain('gantry: testing/app was published from the channel testing, and no channel');
    expect(ran.out).toMatch(/^tags in channels +0$/m);
  });
});

/** A working folder with a tree of one repository and its store, as they were left, and no catalog. */
async function openLost() {
  const cwd = await mkdtemp(path.join(tmpdir(), 'gantry-cli-rebuild-'));
  await layTree(path.join(cwd, 'data/tree'), {
    repositories: [
      {
        name: 'testing/app',
        channel: 'testing',
        tags: { latest: image.digest },
        manifests: [image.bytes],
        blobs: image.blobs.map(({ bytes }) => bytes),
      },
    ],
  });
  return { cwd, [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true }) };
}

/** How far a copy has come that was killed. */
async function stateOf(file: string, source: string): Promise<string> {
  {
    await using target = await openCatalogTransfer({ sqlite: { file } }, 'target');
    if (!(await target.isHalfFilled())) {
      const counts = await target.count();
      if (Object.values(counts).every((count) => count === 0)) return 'empty';
      return JSON.stringify(counts) === JSON.stringify(await countsOf(source)) ? 'whole' : 'wrong';
    }
  }
  try {
    await (await openCatalog({ sqlite: { file } }))[Symbol.asyncDispose]();
    return 'half, and taken';
  } catch (error) {
    return asFault(error).code === 'CONFIGURATION_INVALID' ? 'half, and refused' : String(error);
  }
}

/** Of what a file holds and its log. */
async function sizeOf(file: string): Promise<number> {
  let size = 0;
  for (const part of [file, `${file}-wal`]) {
    size += (await stat(part).catch(() => ({ size: 0 }))).size;
  }
  return size;
}
