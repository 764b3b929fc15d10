import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { layTree } from '@gantry/tree';
import { needs } from '../servers/parts.ts';
import { startProcess } from '../servers/process.ts';
import { attempt } from '../servers/run.ts';
import { startSshd } from '../servers/sshd.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** scripts/mirror/gantry-push, with real SSH servers and web servers for mirrors. */

const scripts = fileURLToPath(new URL('../../scripts/mirror', import.meta.url));
const PUSH = path.join(scripts, 'gantry-push');
const real = needs('sshd', 'rsync');
const user = userInfo().username;

let folder: TemporaryFolder;
const at = (name: string) => path.join(folder.path, name);
beforeEach(async () => {
  folder = await temporaryFolder('push');
});
afterEach(() => folder[Symbol.asyncDispose]());

/** A mirror's web hook: answers with that status, and keeps what it was sent. */
async function hook(status: number) {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const answer = async () => {
      bodies.push(await text(request));
      response.writeHead(status).end();
    };
    void answer();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  return {
    url: `http://127.0.0.1:${address.port}/push`,
    bodies,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const kit = (mirror: string) => `${scripts}/gantry-mirror --quiet ${at('master')} ${at(mirror)}`;
const serialAt = async (tree: string) =>
  /"serial":(\d+),"sig/.exec(await readFile(path.join(at(tree), 'serial/current.json'), 'utf8'))?.[1];

real.test(
  'by the forced command of a key it brings mirrors to the serial, and says what each answered',
  async () => {
    await layTree(at('master'), { repositories: [], serial: 7 });
    await using sshd = await startSshd(kit('mirror'));
    await using web = await hook(204);
    await using broken = await hook(500);
    await writeFile(
      at('mirrors'),
      `# ours\n${user}@${sshd.host} -p ${sshd.port}\n\n${web.url}  # by a hook\n${broken.url}\n${user}@127.0.0.1 -p 1\n`,
    );
    const outcome = await attempt('sh', [PUSH, '--ssh', sshd.ssh, at('mirrors'), '7']);
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    const lines = outcome.stdout.trim().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of [
      `${user}@127.0.0.1 has it`,
      `${web.url} has it`,
      `${broken.url} failed with 22: `,
      `${user}@127.0.0.1 failed with 255: `,
    ]) {
      expect(lines).toContainEqual(expect.stringContaining(`gantry-push: serial 7: ${line}`));
    }
    expect(outcome.stdout).toContain('Connection refused');
    expect(web.bodies).toEqual(['serial=7']);
    expect(await serialAt('mirror')).toBe('7');
  },
);

real.test('a mirror that does not answer in time holds up no other', async () => {
  // It does not answer as long as anybody waits: it ends with the test's folder.
  await using sshd = await startSshd(`while test -e ${at('mirrors')}; do sleep 0.1; done`);
  await using web = await hook(200);
  await writeFile(at('mirrors'), `${user}@${sshd.host} -p ${sshd.port}\n${web.url}\n`);
  const outcome = await attempt('sh', [PUSH, '--timeout', '2', '--ssh', sshd.ssh, at('mirrors'), '7']);
  expect(outcome.code).toBe(1);
  expect(outcome.stdout).toContain('has not answered in 2 s');
  expect(outcome.stdout).toContain(`${web.url} has it`);
});

real.test('followed, each new serial of the tree is told', async () => {
  await layTree(at('master'), { repositories: [] });
  await using sshd = await startSshd(kit('mirror'));
  await writeFile(at('mirrors'), `${user}@${sshd.host} -p ${sshd.port}\n`);
  await using push = await startProcess({
    name: 'gantry-push --follow',
    command: 'sh',
    args: [PUSH, '--every', '1', '--ssh', sshd.ssh, '--follow', at('master'), at('mirrors')],
    ready: async (log) => log.includes('serial 1: '),
    group: true,
  });
  expect(await serialAt('mirror')).toBe('1');
  await layTree(at('master'), { repositories: [{ name: 'app', tags: {} }] });
  await until('the mirror to follow', async () => (await serialAt('mirror')) === '2');
  await until('it to be told', () => push.log().includes('serial 2: '));
});

test('wrong usage is exit 2, and says why', async () => {
  await writeFile(at('mirrors'), '');
  expect(await attempt('sh', [PUSH, at('mirrors')])).toMatchObject({ code: 2 });
  expect((await attempt('sh', [PUSH, at('mirrors'), 'x'])).stderr).toContain('x is no serial');
  expect((await attempt('sh', [PUSH, at('absent'), '1'])).stderr).toContain('can not be read');
  expect((await attempt('sh', [PUSH, '--timeout', '0', at('mirrors'), '1'])).stderr).toContain('--timeout 0');
  await writeFile(at('mirrors'), '# none yet\n\n');
  for (const words of [
    [at('mirrors'), '1'],
    ['--follow', folder.path, at('mirrors')],
  ]) {
    expect(await attempt('sh', [PUSH, ...words])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('names no mirror'),
    });
  }
  await writeFile(at('mirrors'), 'somebody@mirror.example.org\n');
  expect(await attempt('sh', [PUSH, '--follow', at('absent'), at('mirrors')])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('absent is no folder'),
  });
});

test('followed, a tree that has nothing yet is told, and waited for', async () => {
  await writeFile(at('mirrors'), 'http://127.0.0.1:1/\n');
  await using push = await startProcess({
    name: 'gantry-push --follow',
    command: 'sh',
    args: [PUSH, '--every', '1', '--follow', folder.path, at('mirrors')],
    ready: async (log) => log.includes('has no serial/current.json yet'),
    group: true,
  });
  expect(push.log()).not.toContain('serial 1');
});
