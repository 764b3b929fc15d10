// Runs before `npm start` and `npm test`: brings the dependencies, and with them the pinned Node, where they are missing
// or not those of the lock file. Plain JavaScript for Node 20: a fresh machine has nothing else yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const PINNED_MAJOR = 26;
const OLDEST_MAJOR = 20;
const WINDOWS = process.platform === 'win32';

const root = fileURLToPath(new URL('..', import.meta.url));
const modules = path.join(root, 'node_modules');
const lockFile = path.join(root, 'package-lock.json');
/** Holds the digest of the lock file that the dependencies were installed by. */
const recordFile = path.join(modules, '.gantry-lock');
const pinnedNode = path.join(modules, '.bin', 'node');
const major = Number.parseInt(process.versions.node, 10);

process.exitCode = setUp();

/** @returns {number} the exit code */
function setUp() {
  if (major < OLDEST_MAJOR) {
    return fail(`Node ${OLDEST_MAJOR} or newer is needed to set Gantry up; this is ${process.version}`);
  }
  const digest = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  const reason = whyInstall(digest);
  if (reason !== undefined) {
    say(`${reason}: installing the dependencies (npm ci)`);
    const code = installDependencies();
    if (code !== 0) return fail('npm ci failed, it says why above: put that right and run this again', code);
    const lack = whyNoPinnedNode();
    if (lack !== undefined && major < PINNED_MAJOR) {
      return fail(`${lack}: install Node ${PINNED_MAJOR} or newer and run this again`);
    }
    if (lack !== undefined) {
      rmSync(pinnedNode, { force: true }); // else npm scripts would go on to find it first
      say(`${lack}: going on with the Node that is installed, ${process.version}`);
    }
  }
  if (read(recordFile) !== digest) writeFileSync(recordFile, digest);
  return 0;
}

/** Why the dependencies have to be installed; undefined when they stand as the lock file says. */
function whyInstall(digest) {
  if (!existsSync(modules)) return 'there are no dependencies yet';
  if (!existsSync(pinnedNode) && major < PINNED_MAJOR) return 'the pinned Node is missing';
  if (read(recordFile) === digest) return undefined;
  // Installed by hand, then: npm writes its own record last, after all the rest.
  const installedAt = modifiedAt(path.join(modules, '.package-lock.json'));
  if (installedAt === undefined) return 'the dependencies are not whole';
  return installedAt < modifiedAt(lockFile) ? 'package-lock.json has changed' : undefined;
}

/** Runs npm, by the Node that npm itself was started by: the pinned one is about to be replaced. */
function installDependencies() {
  // What NODE_ENV=production or `omit` would leave out, the tests and the pinned Node need. Warnings that a package wants
  // a newer Node than the one that runs npm mean nothing here: it will run on the pinned one.
  const words = ['ci', '--no-audit', '--no-fund', '--include=dev', '--include=optional', '--loglevel=error'];
  const { npm_execpath: npm, npm_node_execpath: node } = process.env;
  const startedByNpm = node !== undefined && npm !== undefined && /npm-cli\.[cm]?js$/.test(npm);
  const options = { cwd: root, stdio: 'inherit', env: withoutPinnedNode(process.env) };
  const { status, error } = startedByNpm
    ? spawnSync(node, [npm, ...words], options)
    : spawnSync('npm', words, { ...options, shell: WINDOWS });
  if (error !== undefined) say(`npm does not start: ${error.message}`);
  return status ?? 1;
}

/** Why there is no pinned Node that runs; undefined when there is one. */
function whyNoPinnedNode() {
  if (!existsSync(pinnedNode)) return `there is no pinned Node for ${process.platform} on ${process.arch}`;
  const { status, stderr } = spawnSync(pinnedNode, ['--version'], { shell: WINDOWS, encoding: 'utf8' });
  if (status === 0) return undefined;
  const missing = /lib\S+\.so[.\d]*/.exec(stderr ?? '')?.[0];
  const advice =
    missing === undefined
      ? ''
      : `: install ${missing} (Debian and Ubuntu have libatomic.so.1 in the package libatomic1)`;
  return `the pinned Node does not run on this system${advice}`;
}

function withoutPinnedNode(env) {
  const entries = Object.entries(env).map(([name, value]) => {
    if (name.toUpperCase() !== 'PATH') return [name, value];
    const folders = value.split(path.delimiter).filter((folder) => !folder.startsWith(modules));
    return [name, folders.join(path.delimiter)];
  });
  return Object.fromEntries(entries);
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function say(text) {
  process.stderr.write(`gantry: ${text}\n`);
}

function fail(text, code = 1) {
  say(text);
  return code;
}
