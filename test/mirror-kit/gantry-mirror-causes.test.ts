import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { blobPath, layTree, POINTER_PATH } from '@gantry/tree';
import { needs } from '../servers/parts.ts';
import { startNginx } from '../servers/nginx.ts';
import { startRsyncd } from '../servers/rsyncd.ts';
import { attempt } from '../servers/run.ts';
import {
  copy,
  expectWhole,
  freshFolders,
  inFolder,
  master,
  mirror,
  SCRIPT,
  serialOf,
} from './mirror-world.ts';

/** What a failed run ends with: 75 is for what mends itself, and of all else somebody has to be told. */

const real = needs('rsync', 'nginx');
freshFolders();

const ONE = Buffer.from('one');
beforeEach(() => layTree(master, { repositories: [{ name: 'app', tags: {}, blobs: [ONE] }] }));

/** A web server that answers by itself. */
async function web(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  return {
    url: `http://127.0.0.1:${address.port}/tree`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}
const said = (text: string) => expect.stringContaining(text);
const ONCE = ['--curl-option=--retry', '--curl-option', '0'];

real.test('a source or an option that is wrong is exit 1, with what rsync or curl says of it', async () => {
  await using rsyncd = await startRsyncd(master);
  await using nginx = await startNginx({ root: master, rules: true });
  const wrong: readonly (readonly [string, readonly string[], string])[] = [
    [rsyncd.url.replace('/gantry', '/typo'), [], "Unknown module 'typo'"],
    [rsyncd.url, ['--rsync-option', '--nosuch'], 'unknown option'],
    [nginx.url, ['--curl-option=--nosuch'], 'option --nosuch'],
    [inFolder('absent'), [], 'absent is no folder, or is not there'],
  ];
  for (const [source, options, text] of wrong) {
    expect([source, await copy(source, '--quiet', ...options)]).toEqual([
      source,
      { code: 1, stdout: '', stderr: said(text) },
    ]);
  }
});

real.test('a module that is not for us is exit 1, and one that is full for now is 75', async () => {
  await using rsyncd = await startRsyncd(master, {
    rules: 'auth users = somebody\nsecrets file = /absent\n',
  });
  expect(await copy(rsyncd.url)).toMatchObject({ code: 1, stderr: said('auth failed') });
  await using closed = await startRsyncd(master, { rules: 'hosts deny = *\n' });
  expect(await copy(closed.url)).toMatchObject({ code: 1, stderr: said('access denied') });
  await using full = await startRsyncd(master, { rules: 'max connections = -1\n' });
  expect((await copy(full.url)).code).toBe(75);
});

real.test('options go to rsync and to curl', async () => {
  await using rsyncd = await startRsyncd(master);
  const log = inFolder('log of rsync');
  expect(await copy(rsyncd.url, '--rsync-option', `--log-file=${log}`)).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(await readFile(log, 'utf8')).toContain(digestOf(ONE).slice(7));
  const asked: (string | undefined)[] = [];
  await using server = await web((request, response) => {
    asked.push(request.headers['x-mirror']?.toString());
    response.writeHead(404).end();
  });
  await copy(server.url, '--full', '--curl-option', '--header', '--curl-option=X-Mirror: de 1');
  expect(asked).toEqual(['de 1']);
});

for (const { status, code, text } of [
  { status: 404, code: 75, text: 'has no serial/current.json: it is no tree, or nothing is published yet' },
  { status: 410, code: 75, text: 'has no serial/current.json' },
  { status: 500, code: 75, text: 'answers 500' },
  { status: 503, code: 75, text: 'answers 503' },
  { status: 401, code: 1, text: 'answers 401: it wants to know who asks' },
  { status: 403, code: 1, text: 'answers 403 for serial/current.json' },
]) {
  real.test(`${status} for the pointer is exit ${code}, and says so`, async () => {
    await using server = await web((_, response) => void response.writeHead(status).end('no'));
    const outcome = await copy(server.url, ...ONCE);
    expect(outcome).toMatchObject({ code, stderr: said(text) });
    if (status !== 404 && status !== 410) expect(outcome.stderr).not.toContain('nothing is published');
  });
}

real.test('a server that fails for some files keeps what came, and is no master that changes', async () => {
  const [files, broken] = [await startNginx({ root: master, rules: true }), blobPath(digestOf(ONE))];
  await using opened = new AsyncDisposableStack();
  opened.use(files);
  await using server = await web((request, response) => {
    const name = (request.url ?? '').replace('/tree/', '');
    if (name === broken) response.writeHead(500).end();
    else response.writeHead(302, { location: `${files.url}/${name}` }).end();
  });
  const outcome = await copy(server.url, ...ONCE);
  expect(outcome).toMatchObject({ code: 75, stderr: said('answers 500') });
  expect(outcome.stdout).not.toContain('changing: starting again');
  await files.forgetRequests();
  expect(await copy(files.url)).toMatchObject({ code: 0, stderr: '' });
  const pools = (await files.requests())
    .map(({ path: name }) => name)
    .filter((name) => name.includes('/pool/'));
  expect(pools).toEqual([`/${broken}`]);
  await expectWhole(mirror);
});

real.test('a bucket that answers 403 for what it has not is a master like any other', async () => {
  await using files = await startNginx({ root: master, rules: true });
  await using server = await web(async (request, response) => {
    const found = await fetch(`${files.url}${(request.url ?? '').replace('/tree', '')}`);
    response.writeHead(found.status === 404 ? 403 : found.status).end(Buffer.from(await found.arrayBuffer()));
  });
  expect(await copy(server.url)).toMatchObject({ code: 0, stderr: '' });
  await layTree(master, { repositories: [{ name: 'app', tags: {}, blobs: [ONE, Buffer.from('two')] }] });
  await rm(path.join(master, 'lists/000000000001.txt'));
  await chmod(path.join(master, POINTER_PATH), 0o644);
  expect(await copy(server.url)).toMatchObject({ code: 0 });
  expect(await serialOf(mirror)).toBe(2);
});

real.test('a pointer that has no end, or is far too large, is none', async () => {
  const tooLarge = { code: 1, stderr: said('has more than 65536 bytes: it is no statement of a serial') };
  await using server = await web((_, response) => {
    const more = () => {
      while (response.write(' '.repeat(10_000)));
    };
    response.on('drain', more).writeHead(200);
    more();
  });
  expect(await copy(server.url)).toMatchObject(tooLarge);
  await chmod(path.join(master, POINTER_PATH), 0o644);
  await writeFile(path.join(master, POINTER_PATH), ' '.repeat(70_000));
  await using nginx = await startNginx({ root: master, rules: true });
  expect(await copy(nginx.url)).toMatchObject(tooLarge);
  await using rsyncd = await startRsyncd(master);
  expect(await copy(rsyncd.url)).toMatchObject(tooLarge);
});

real.test('arguments that are swapped are wrong usage, and make no folder', async () => {
  for (const address of ['rsync://host/gantry', 'host::gantry', 'me@host:gantry', 'https://host/gantry']) {
    const outcome = await attempt('sh', [SCRIPT, master, address], { cwd: inFolder('.') });
    expect(outcome).toMatchObject({ code: 2, stderr: said(`${address} is an address`) });
  }
  expect(await readdir(inFolder('.'))).toEqual(['master']);
  const colon = await attempt('sh', [SCRIPT, master, './a:b'], { cwd: inFolder('.') });
  expect(colon).toMatchObject({ code: 0, stderr: '' });
});
