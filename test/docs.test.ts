import { globSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CLIENT_COMMANDS, runCli } from '@gantry/app-cli';
import { loadConfiguration } from '@gantry/service';
import { freePorts } from './servers/free-port.ts';
import { gantry, GANTRY_BIN } from './servers/gantry.ts';
import { needs } from './servers/parts.ts';
import { type ServerProcess, startProcess } from './servers/process.ts';
import { run } from './servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from './servers/temporary-folder.ts';

/** What the documents tell people to write and to run does what they say. */

const root = fileURLToPath(new URL('..', import.meta.url));
const documents = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })].toSorted();
const read = (document: string) => readFileSync(path.join(root, document), 'utf8');

/** The blocks of a document in one language. */
function blocks(document: string, language: string): string[] {
  return [...read(document).matchAll(/^```(\w*)\n(.*?)^```$/gms)].flatMap(([, found, text]) =>
    found === language && text !== undefined ? [text] : [],
  );
}

describe.each(documents)('%s', (document) => {
  test('links to files that are there', () => {
    const targets = [...read(document).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(
      ([, target]) => target ?? '',
    );
    const broken = targets.filter(
      (target) => globSync(path.join(root, path.dirname(document), target)).length === 0,
    );
    expect(broken).toEqual([]);
  });

  test('shows configurations that can be loaded', async () => {
    await using folder = await temporaryFolder('docs');
    for (const [index, text] of blocks(document, 'yaml').entries()) {
      const file = path.join(folder.path, `${index}.yaml`);
      await writeFile(file, text, { mode: 0o600 });
      expect((await loadConfiguration({ file, env: {}, cwd: folder.path })).warnings).toEqual([]);
    }
  });
});

/** The commands that a command's help lists. */
async function commandsOf(...words: string[]): Promise<string[]> {
  let help = '';
  const environment = {
    env: {},
    cwd: root,
    stdout: { write: (text: string) => (help += text) },
    stderr: { write: () => {} },
    interruptible: () => ({ signal: new AbortController().signal, [Symbol.dispose]() {} }),
  };
  await runCli([...words, '--help'], environment, CLIENT_COMMANDS);
  const [, list = ''] = /^Commands:\n(.*?)\n\n/ms.exec(help) ?? [];
  return [...list.matchAll(/^ {2}(\S+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

test('docs/cli.md names every command, and every command of those', async () => {
  const shown = [...read('docs/cli.md').matchAll(/`gantry ([^\s`]+)([^`]*)`/g)];
  const missing: string[] = [];
  for (const command of await commandsOf()) {
    const spans = shown.filter(([, name]) => name === command).map(([, , rest = '']) => rest);
    if (spans.length === 0) missing.push(command);
    for (const below of await commandsOf(command))
      if (!spans.some((rest) => rest.split(/[^\w-]+/).includes(below))) missing.push(`${command} ${below}`);
  }
  expect(missing).toEqual([]);
});

describe('with the first run going', () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  let env: NodeJS.ProcessEnv;
  let treePort = 0;

  beforeAll(async () => {
    folder = await temporaryFolder('docs-walk');
    const [api = 0, crane = 0, admin = 0, tree = 0] = await freePorts(4);
    treePort = tree;
    env = {
      GANTRY_CONFIG: '',
      GANTRY_API_LISTEN: `127.0.0.1:${api}`,
      GANTRY_CRANE_LISTEN: `127.0.0.1:${crane}`,
      GANTRY_CRANE_ADMIN_LISTEN: `127.0.0.1:${admin}`,
      GANTRY_TREE_LISTEN: `127.0.0.1:${tree}`,
    };
    server = await startProcess({
      name: 'gantry serve all --demo',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'all', '--demo'],
      cwd: folder.path,
      env: { ...process.env, ...env },
      ready: async (log) => log.includes('Ready.'),
      readyWithinMs: 90_000,
    });
  }, 60_000);
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  }, 30_000);

  const walked = [
    'README.md',
    'docs/cli.md',
    'docs/collection.md',
    'docs/crane-static.md',
    'docs/configuration.md',
    'docs/mirrors.md',
    'docs/layouts.md',
    'docs/api.md',
    'docs/upgrade.md',
  ];
  test.each(walked)(
    'every gantry command of %s ends well, one after the other',
    async (document) => {
      for (const line of blocks(document, 'sh').join('').split('\n')) {
        const [, settings = '', command] = /^((?:GANTRY_\w+=\S+ )*)npx gantry (.*)$/.exec(line) ?? [];
        if (command === undefined) continue;
        const words =
          command.replaceAll('127.0.0.1:5081', `127.0.0.1:${treePort}`).match(/"[^"]*"|\S+/g) ?? [];
        const set = Object.fromEntries(
          settings.split(/ (?=GANTRY_|$)/).flatMap((one) => {
            const at = one.indexOf('=');
            return at < 0 ? [] : [[one.slice(0, at), one.slice(at + 1).replaceAll(/^'|'$/g, '')]];
          }),
        );
        const outcome = await gantry(
          folder.path,
          words.map((word) => word.replaceAll('"', '')),
          { env: { ...env, ...set } },
        );
        expect([line, outcome.code, outcome.code === 0 ? '' : outcome.stderr]).toEqual([line, 0, '']);
      }
    },
    60_000,
  );

  const withRsync = needs('rsync');
  withRsync.test(
    'the commands of docs/mirrors.md that copy make a mirror that verifies',
    async () => {
      const mirror = path.join(folder.path, 'mirror/');
      await mkdir(mirror);
      const copying = blocks('docs/mirrors.md', 'sh').filter((block) =>
        /^ *(rsync|gantry-mirror|gantry-filelist) /m.test(block),
      );
      expect(copying.length).toBeGreaterThan(2);
      const scripts = path.join(root, 'scripts/mirror');
      for (const block of copying) {
        const script = block
          .replaceAll('rsync://master.example.org/gantry', path.join(folder.path, 'data/tree'))
          .replaceAll('/srv/mirror/gantry', mirror.slice(0, -1))
          .replaceAll('/srv/gantry/tree', path.join(folder.path, 'data/tree'))
          .replaceAll('/srv/gantry', folder.path)
          .replaceAll('fedora/*', '*'); // the first run has other repositories
        await run('sh', ['-ec', script], {
          env: { ...process.env, PATH: `${scripts}:${process.env['PATH']}` },
        });
        const { code, stderr } = await gantry(
          folder.path,
          ['verify', mirror, '--against', './data/tree', '--deep'],
          { env },
        );
        expect([block, code, code === 0 ? '' : stderr]).toEqual([block, 0, '']);
      }
      const pointer = await readFile(path.join(mirror, 'serial/current.json'), 'utf8');
      expect(pointer).toContain('"type":"gantry-serial"');
    },
    30_000,
  );
});
