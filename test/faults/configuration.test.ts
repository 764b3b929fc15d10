import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gantry } from '../servers/gantry.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** A wrong configuration stops every command before it does anything: exit 2, and where in the file the fault stands. */
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder('configuration');
});
afterAll(() => folder?.[Symbol.asyncDispose]());

const FILES: readonly { title: string; file: string; says: readonly RegExp[] }[] = [
  { title: 'no YAML', file: 'sources: [\n  {name: x', says: [/gantry\.yaml/, /line \d|:\d/] },
  { title: 'an unknown key', file: 'api:\n  listne: 127.0.0.1:1\n', says: [/listne/, /2/] },
  {
    title: 'an address that is none',
    file: 'crane:\n  listen: nowhere\n',
    says: [/crane\.listen/, /nowhere/],
  },
  { title: 'a source without a registry', file: 'sources:\n  - name: builds\n', says: [/registry/] },
  {
    title: 'two channels with one prefix',
    file: 'channels:\n  - { name: one, prefix: x/ }\n  - { name: two, prefix: x/ }\n',
    says: [/one/, /two/],
  },
  { title: 'a duration that is none', file: 'tree:\n  refresh: soon\n', says: [/tree\.refresh/, /soon/] },
  {
    title: 'two sources of one name',
    file: 'sources:\n  - { name: a, registry: "https://a.example" }\n  - { name: a, registry: "https://b.example" }\n',
    says: [/a/],
  },
];

async function inFolder(name: string, file: string): Promise<string> {
  const place = path.join(folder.path, name.replaceAll(' ', '-'));
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, 'gantry.yaml'), file);
  return place;
}

for (const { title, file, says } of FILES) {
  test(`a configuration with ${title} is refused by every command, with its place`, async () => {
    const place = await inFolder(title, file);
    for (const args of [
      ['config', 'check'],
      ['serve', 'all'],
      ['sync', '--local'],
    ]) {
      const { code, stderr } = await gantry(place, args, { timeoutMs: 90_000 });
      expect({ args, code }).toEqual({ args, code: 2 });
      for (const pattern of says) expect(stderr).toMatch(pattern);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
  }, 30_000);
}

test('a configuration file that is not there is named', async () => {
  const { code, stderr } = await gantry(folder.path, ['config', 'check', '--config', 'no-such.yaml']);
  expect(code).toBe(2);
  expect(stderr).toContain('no-such.yaml');
});

test('a right one passes, and is shown with its secrets masked', async () => {
  const place = await inFolder(
    'right',
    'sources:\n  - name: builds\n    registry: https://builds.example\n    credentials: { username: bot, password: hush-hush }\n',
  );
  expect(await gantry(place, ['config', 'check'])).toMatchObject({ code: 0 });
  const { code, stdout, stderr } = await gantry(place, ['config', 'show']);
  expect(code).toBe(0);
  expect(stdout).toContain('builds.example');
  expect(stdout + stderr).not.toContain('hush-hush');
});
