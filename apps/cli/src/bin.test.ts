import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../bin/gantry.js', import.meta.url));
/** Makes this process, not those that it starts, an older Node. */
const OLD = `--import=data:text/javascript,${encodeURIComponent(
  "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })",
)}`;

/** A checkout whose main module says how it was started, then does what its first argument says. */
const MAIN = `
const [what, value]: string[] = process.argv.slice(2);
if (what === 'exit') process.exitCode = Number(value);
if (what === 'wait') {
  const alive = setInterval(() => {}, 1000);
  process.on('SIGTERM', () => { console.log('SIGTERM'); clearInterval(alive); process.exitCode = 9; });
}
console.log(JSON.stringify({ major: Number.parseInt(process.versions.node), arguments: process.argv.slice(2) }));
if (what === 'die') process.kill(process.pid, value);
`;

let root: string;
let bin: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'gantry-bin-')));
  bin = path.join(root, 'apps/cli/bin/gantry.js');
  for (const folder of ['apps/cli/bin', 'apps/cli/src', 'node_modules/.bin']) {
    await mkdir(path.join(root, folder), { recursive: true });
  }
  await copyFile(BIN, bin);
  await writeFile(path.join(root, 'package.json'), '{"type":"module"}');
  await writeFile(path.join(root, 'apps/cli/src/main.ts'), MAIN);
  const pinned = path.join(root, 'node_modules/.bin/node');
  await writeFile(pinned, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

function start(
  node: string,
  ...words: string[]
): ChildProcess & { output: Promise<string>; complaint: Promise<string> } {
  const child = spawn(node, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  return Object.assign(child, { output: text(child.stdout), complaint: text(child.stderr) });
}

/** The Node of the system, outside this checkout; undefined: there is none, or it is as new as the pinned one. */
function olderNode(): string | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => !folder.includes('node_modules'));
  try {
    const words = ['-p', '`${process.versions.node.split(".")[0]} ${process.execPath}`'];
    const answer = execFileSync('node', words, {
      encoding: 'utf8',
      env: { PATH: folders.join(path.delimiter) },
    });
    const [major = '', ...file] = answer.trim().split(' ');
    return Number(major) < 26 ? file.join(' ') : undefined;
  } catch {
    return undefined;
  }
}
const older = olderNode();

describe('the gantry command', () => {
  test('runs by the Node that starts it when that is new enough', async () => {
    const child = start(process.execPath, bin, 'exit', '3', '--a b');
    expect(await once(child, 'exit')).toEqual([3, null]);
    expect(JSON.parse(await child.output)).toEqual({ major: 26, arguments: ['exit', '3', '--a b'] });
  });

  test('hands over to the pinned Node, with its words and its exit code', async () => {
    const child = start(process.execPath, OLD, bin, 'exit', '75', '--a b');
    expect(await once(child, 'exit')).toEqual([75, null]);
    expect(JSON.parse(await child.output)).toEqual({ major: 26, arguments: ['exit', '75', '--a b'] });
  });

  test('passes a signal on, and waits for the end', async () => {
    const child = start(process.execPath, OLD, bin, 'wait');
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    expect(await once(child, 'exit')).toEqual([9, null]);
    expect(await child.output).toContain('SIGTERM');
  });

  test('ends by the signal that ended the pinned Node', async () => {
    const child = start(process.execPath, OLD, bin, 'die', 'SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  test('says what to do when the pinned Node is missing', async () => {
    await rm(path.join(root, 'node_modules/.bin/node'));
    const child = start(process.execPath, OLD, bin, 'exit', '0');
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(await child.complaint).toMatch(
      /^gantry: Node 26 is needed, this is v\S+, and the pinned one is not installed: run npm ci\n$/,
    );
  });
});

(older === undefined ? describe.skip : describe)('started by a real older Node', () => {
  test('the gantry command hands over', async () => {
    const child = start(older ?? '', bin, 'exit', '0');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(JSON.parse(await child.output)).toMatchObject({ major: 26 });
  });
});
