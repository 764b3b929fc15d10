import { chmod, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInProcessRegistry, type InProcessRegistry } from '@gantry/registry';
import { helloImage } from '../fixtures/build-registry.ts';
import { embeddedConfiguration, type Gantry, gantry, startGantry } from '../servers/gantry.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** What is published is signed, and who can write to the tree alone can not have it served. */

const TREE = './data/tree';
const POINTER = 'data/tree/serial/current.json';

let folder: TemporaryFolder;
let upstream: InProcessRegistry;
let source: object;
let stop: () => PromiseLike<void>;

beforeAll(async () => {
  folder = await temporaryFolder('signed-tree');
  upstream = createInProcessRegistry();
  for (const tag of ['1', '2', '3', '4']) upstream.push('app', helloImage(`app ${tag}`), tag);
  const listening = await upstream.listen();
  source = { name: 'candidates', registry: listening.url };
  stop = () => listening[Symbol.asyncDispose]();
}, 30_000);
afterAll(async () => {
  await stop();
  await folder[Symbol.asyncDispose]();
}, 30_000);

const at = (file: string) => path.join(folder.path, file);

async function start(signing: object | undefined, trustedKeys: readonly string[]): Promise<Gantry> {
  const base = await embeddedConfiguration({ sources: [source], crane: { trustedKeys } });
  const tree = { filesystem: { root: TREE }, ...(signing && { signing }) };
  return startGantry({ folder: folder.path, configuration: { ...base, tree } });
}

/** Runs a command that must end well. @returns standard output */
async function run(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await gantry(folder.path, words);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return stdout;
}

const statusOf = async ({ crane }: Gantry, tag: string) =>
  (await fetch(`http://${crane}/v2/app/manifests/${tag}`)).status;

async function serials({ admin }: Gantry): Promise<{ serial: number; refused: number }> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const figure = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    serial: figure(/^gantry_crane_serial\{.*\} (\d+)$/m),
    refused: figure(/^gantry_crane_reload_failures_total\{.*reason="signature".*\} (\d+)$/m),
  };
}

test('a tampered pointer is refused by the crane and by verify, and the last good serial goes on being served', async () => {
  await writeFile(at('release.pub'), await run('keys', 'make', '--output', 'plain'));
  await using server = await start({ keyFile: './release.key' }, ['./release.pub']);
  await run('sync', 'candidates');
  await run('promote', 'app:1', '--to', 'stable', '--wait');
  expect(await statusOf(server, '1')).toBe(200);
  await run('verify', TREE, '--deep', '--key', 'release.pub');
  const { serial } = await serials(server);
  expect(serial).toBeGreaterThan(0);

  const pointer = await readFile(at(POINTER), 'utf8');
  await rm(at(POINTER));
  await writeFile(at(POINTER), pointer.replace('"expires":"20', '"expires":"21'));
  await until('the crane has refused it', async () => (await serials(server)).refused > 0);
  expect(await serials(server)).toMatchObject({ serial });
  expect(await statusOf(server, '1')).toBe(200);
  expect(server.log()).toMatch(/is refused: the signature by [0-9a-f]{64} is not of these bytes/);
  const verified = await gantry(folder.path, ['verify', TREE, '--key', 'release.pub']);
  expect(verified.code).toBe(1);
  expect(verified.stdout).toMatch(/error +wrong-signature/);

  await rm(at(POINTER));
  await copyFile(at(`data/tree/serial/${String(serial).padStart(12, '0')}.json`), at(POINTER));
  await run('promote', 'app:2', '--to', 'stable', '--wait');
  expect(await statusOf(server, '2')).toBe(200);
}, 60_000);

test('keys are rotated by the steps, and every pull goes on', async () => {
  await writeFile(at('next.pub'), await run('keys', 'rotate', '--output', 'plain'));
  {
    await using server = await start({ keyFile: ['./release.key', './release-2.key'] }, [
      './release.pub',
      './next.pub',
    ]);
    await run('promote', 'app:3', '--to', 'stable', '--wait');
    expect(await statusOf(server, '3')).toBe(200);
    for (const key of ['release.pub', 'next.pub']) await run('verify', TREE, '--key', key);
  }
  await using server = await start({ keyFile: './release-2.key' }, [await readFile(at('next.pub'), 'utf8')]);
  await run('promote', 'app:4', '--to', 'stable', '--wait');
  for (const tag of ['1', '2', '3', '4']) expect(await statusOf(server, tag)).toBe(200);
  const old = await gantry(folder.path, ['verify', TREE, '--key', 'release.pub']);
  expect([old.code, old.stdout.includes('unknown-key')]).toEqual([1, true]);
}, 60_000);

test('a key that others may read is named, and nothing starts', async () => {
  await chmod(at('release-2.key'), 0o644);
  const { code, stderr } = await gantry(folder.path, ['serve', 'all'], { timeoutMs: 90_000 });
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /tree\.signing\.keyFile: the file .*release-2\.key is readable by others.*chmod 600/,
  );
}, 60_000);
