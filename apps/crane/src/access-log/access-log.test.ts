import { readFile, rename } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from '../crane.fixture.ts';

import type { Answer } from '../answer/answer.ts';
import { rareErrors } from '../rare-errors.ts';
import { openAccessLog, type TimedRequest } from './access-log.ts';

type Line = Readonly<Record<string, unknown>>;

async function linesOf(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

async function worldOf() {
  const folder = await temporaryFolder();
  const image = sampleImage();
  const tree = path.join(folder.path, 'tree');
  await layTree(tree, { repositories: [repositoryOf('app', { latest: image })] });
  return {
    image,
    tree,
    log: path.join(folder.path, 'access.log'),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test('each answer has a line, whatever it is', async () => {
  await using world = await worldOf();
  const { image, tree, log } = world;
  await using mirror = await startMirror({ directory: tree });
  {
    await using crane = await startTestCrane({
      tree,
      accessLog: log,
      manifests: 'serve',
      mirrors: [{ name: 'one', url: mirror.url }],
    });
    const headers = { 'user-agent': 'a "quoted" one', authorization: 'Basic aHVzaDpodXNo' };
    await ask(crane, `/v2/app/blobs/${image.layer}?token=hush`, { headers });
    await (await ask(crane, '/v2/app/manifests/latest', { headers })).arrayBuffer();
    await ask(crane, '/v2/app/manifests/latest', { headers, method: 'HEAD' });
    await ask(crane, '/v2/app/manifests/latest', { headers: { ...headers, 'if-none-match': '*' } });
    await (await ask(crane, '/v2/none/tags/list', { headers })).arrayBuffer();
    await (await ask(crane, '/elsewhere', { headers, method: 'POST', body: 'x' })).arrayBuffer();
  }
  const lines = await linesOf(log);
  const told = lines.map(({ method, target, status, bytes, mirror: named }) => [
    method,
    target,
    status,
    bytes,
    named,
  ]);
  expect(told).toEqual([
    ['GET', `/v2/app/blobs/${image.layer}?token=***`, 302, 0, 'one'],
    ['GET', '/v2/app/manifests/latest', 200, image.manifest.length, undefined],
    ['HEAD', '/v2/app/manifests/latest', 200, 0, undefined],
    ['GET', '/v2/app/manifests/latest', 304, 0, undefined],
    ['GET', '/v2/none/tags/list', 404, expect.any(Number), undefined],
    ['POST', '/elsewhere', 405, expect.any(Number), undefined],
  ]);
  for (const line of lines) {
    expect(line).toMatchObject({ client: '127.0.0.1', userAgent: 'a "quoted" one' });
    expect(line['durationUs']).toBeGreaterThanOrEqual(0);
    expect(Math.abs(Date.parse(String(line['time'])) - Date.now())).toBeLessThan(600_000);
  }
  expect(await readFile(log, 'utf8')).not.toMatch(/hush|aHVzaA|Basic/);
});

test('of a blob that is sent, the bytes are those of the range', async () => {
  await using world = await worldOf();
  const { image, tree, log } = world;
  {
    await using crane = await startTestCrane({ tree, accessLog: log });
    const target = `/v2/app/blobs/${image.layer}`;
    await (await ask(crane, target)).arrayBuffer();
    await (await ask(crane, target, { headers: { range: 'bytes=10-19' } })).arrayBuffer();
    await (await ask(crane, target, { headers: { range: 'bytes=5000-' } })).arrayBuffer();
  }
  expect((await linesOf(log)).map(({ status, bytes }) => [status, bytes])).toEqual([
    [200, 1000],
    [206, 10],
    [416, 0],
  ]);
});

test('the client is whom a trusted proxy names, and nobody else’s word counts', async () => {
  await using world = await worldOf();
  const { tree, log } = world;
  const headers = { 'x-forwarded-for': '203.0.113.9, 198.51.100.7' };
  const of = async (trustedProxies: readonly string[]) => {
    await using crane = await startTestCrane({ tree, accessLog: log, trustedProxies });
    await ask(crane, '/v2/', { headers });
  };
  await of(['127.0.0.0/8']);
  await of([]);
  expect((await linesOf(log)).map(({ client }) => client)).toEqual(['198.51.100.7', '127.0.0.1']);
});

test('after the file was moved away, lines stand in a new one', async () => {
  await using world = await worldOf();
  const { tree, log } = world;
  await using crane = await startTestCrane({ tree, accessLog: log });
  await ask(crane, '/v2/?n=1');
  await until(async () => (await linesOf(log)).length === 1);
  await rename(log, `${log}.1`);
  crane.reopenAccessLog();
  await ask(crane, '/v2/?n=2');
  await until(async () => (await linesOf(log)).length === 1);
  expect([await linesOf(`${log}.1`), await linesOf(log)].flat().map(({ target }) => target)).toEqual([
    '/v2/?n=1',
    '/v2/?n=2',
  ]);
});

test('a full disk costs lines and no answer, and is told of', async () => {
  await using world = await worldOf();
  const logger = testLog();
  await using crane = await startTestCrane({ tree: world.tree, accessLog: '/dev/full', logger });
  for (let count = 0; count < 100; count++) expect((await ask(crane, '/v2/')).status).toBe(200);
  await until(() =>
    logger.lines.some(({ message }) => /the access log can not be written: no space left/.test(message)),
  );
  expect((await ask(crane, '/v2/')).status).toBe(200);
});

test('lines that are dropped stand in the metrics', async () => {
  await using world = await worldOf();
  await using crane = await startTestCrane({
    tree: world.tree,
    accessLog: world.log,
    adminListen: { host: '127.0.0.1', port: 0 },
  });
  expect(await (await fetch(`${crane.adminUrl}/metrics`)).text()).toMatch(
    /^gantry_crane_access_log_lines_dropped_total\{service="crane"\} 0$/m,
  );
});

test('a line has the target of a request that carries odd bytes, escaped', async () => {
  await using world = await worldOf();
  const { tree, log } = world;
  {
    await using crane = await startTestCrane({ tree, accessLog: log });
    const { hostname, port } = new URL(crane.url);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    request(
      { hostname, port, path: '/v2/"\\caf%C3%A9"}', headers: { 'user-agent': 'é\u009b' } },
      (response) => {
        response.resume().once('end', resolve);
      },
    )
      .once('error', reject)
      .end();
    await promise;
  }
  expect(await readFile(log, 'latin1')).toMatch(/^[\n -~]+$/);
  expect(await linesOf(log)).toMatchObject([{ target: '/v2/"\\caf%C3%A9"}', userAgent: 'é\u009b' }]);
});

test('a file that can not be opened stops the start, and is named', async () => {
  await using world = await worldOf();
  await expect(
    startTestCrane({ tree: world.tree, accessLog: path.join(world.tree, 'no', 'such', 'folder') }),
  ).rejects.toMatchObject({
    code: 'CONFIGURATION_INVALID',
    message: expect.stringMatching(/^crane\.accessLog: ".*folder" can not be written: ENOENT/) as string,
  });
});

test('lines that there is no room for are counted, and cost no answer', async () => {
  await using folder = await temporaryFolder();
  const droppedLines = { value: 0 };
  await using log = await openAccessLog(path.join(folder.path, 'access.log'), {
    droppedLines,
    tellError: rareErrors(testLog()),
  });
  const plain = { method: 'GET', url: '/v2/', rawHeaders: [], startedAtMs: 0 } as unknown as TimedRequest;
  const sent = { answer: {} as Answer, status: 200, bytes: 2 };
  // No line is written before this ends: all wait in memory, of which there is so much.
  while (droppedLines.value === 0) log.note(plain, undefined, sent);
  expect(droppedLines.value).toBe(1);
});
