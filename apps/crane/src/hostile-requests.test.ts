import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
} from './crane.fixture.ts';

const image = sampleImage();
const MANIFEST = '/v2/team/app/manifests/latest';
const BLOB = `/v2/team/app/blobs/${image.layer}`;

async function openScene() {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await temporaryFolder());
  await layTree(folder.path, { repositories: [repositoryOf('team/app', { latest: image })] });
  const accessLog = path.join(folder.path, 'access.log');
  const mirror = resources.use(await startMirror({ directory: folder.path }));
  const crane = resources.use(
    await startTestCrane({
      tree: folder.path,
      manifests: 'serve',
      page: true,
      catalog: true,
      accessLog,
      trustedProxies: ['127.0.0.1'],
      mirrors: [{ name: 'one', url: mirror.url, trusted: true }],
    }),
  );
  /** Sends bytes as they are, and gives what comes back until the crane ends the connection. */
  const exchange = (bytes: string | Uint8Array) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = connect(Number(new URL(crane.url).port), '127.0.0.1');
    const pieces: Buffer[] = [];
    socket.on('data', (piece: Buffer) => pieces.push(piece));
    socket.on('error', () => undefined); // what came before it counts
    socket.on('close', () => resolve(Buffer.concat(pieces).toString('latin1')));
    socket.write(bytes);
    return promise;
  };
  const open = resources.move();
  return { crane, mirror, exchange, accessLog, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

function head(target: string, more = ''): string {
  return `HEAD ${target} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
}

const statuses = (text: string) => text.match(/^HTTP\/1\.1 \d+/gm)?.map((line) => Number(line.slice(9)));

test.each([
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n'],
  ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'],
  ['chunks that are not last', 'Transfer-Encoding: chunked, identity\r\n'],
  ['a blank before a colon', 'Content-Length : 5\r\n'],
  ['a folded line', 'X-One: a\r\n b\r\n'],
  ['a line that ends in LF alone', 'X-One: a\nContent-Length: 5\r\n'],
  ['NUL in a value', 'X-One: a\0b\r\n'],
])('request smuggling by %s: what follows is no request', async (_, lines) => {
  await using scene = await openScene();
  const text = await scene.exchange(
    `GET /v2/ HTTP/1.1\r\nHost: x\r\n${lines}\r\nGET ${MANIFEST} HTTP/1.1\r\nHost: x\r\n\r\n`,
  );
  expect(statuses(text)).toEqual([400]);
});

test.each([
  ['HTTP/1.0', `GET ${MANIFEST} HTTP/1.0\r\n\r\n`, 200],
  [
    'an absolute target, whose host is not looked at',
    `GET http://evil.example${MANIFEST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    200,
  ],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  ['CONNECT', 'CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n', 405],
  ['TRACE', `TRACE ${MANIFEST} HTTP/1.1\r\nHost: x\r\n\r\n`, 405],
  ['two hosts', `GET ${MANIFEST} HTTP/1.1\r\nHost: x\r\nHost: evil.example\r\n\r\n`, 400],
  ['one host twice, in other letters', `GET ${MANIFEST} HTTP/1.1\r\nHost: x\r\nhOST: x\r\n\r\n`, 400],
  ['no host', `GET ${MANIFEST} HTTP/1.1\r\n\r\n`, 400],
  [
    'Upgrade',
    `GET ${MANIFEST} HTTP/1.1\r\nHost: x\r\nConnection: upgrade, close\r\nUpgrade: websocket\r\n\r\n`,
    200,
  ],
  ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
])('%s is answered as it should be', async (_, bytes, status) => {
  await using scene = await openScene();
  const text = await scene.exchange(bytes);
  expect(statuses(text)?.at(0)).toBe(status);
  expect(text).not.toContain('evil');
  expect((await ask(scene.crane, '/v2/')).status).toBe(200);
});

test('Expect: 100-continue, and a body that never comes: the answer does not wait for it', async () => {
  await using scene = await openScene();
  const text = await scene.exchange(
    `POST /v2/team/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n`,
  );
  expect(statuses(text)?.at(-1)).toBe(405);
});

test.each([
  ['with a length', 'Content-Length: 1000000000', 'some'],
  ['in chunks', 'Transfer-Encoding: chunked', '4\r\nsome\r\n'],
])('GET with a body %s that does not end is answered, and its connection is ended', async (_, line, part) => {
  await using scene = await openScene();
  const text = await scene.exchange(`GET ${MANIFEST} HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n${part}`);
  expect(statuses(text)).toEqual([200]);
});

test('what controls a terminal or ends a line stands escaped in the access log, in its own field', async () => {
  await using scene = await openScene();
  const forged = '","status":200,"client":"198.51.100.1"}';
  const heads = [
    ['/v2/\u001b]0;evil\u0007', ''],
    [`/v2/${forged}`, `User-Agent: ${forged}\r\nX-Forwarded-For: ${forged}\r\n`],
    ['/v2/%0a%1b[2J', 'User-Agent: a\tb\u009b2Jc\r\nX-Forwarded-For: 192.0.2.1\u009b2J\r\n'],
    ['/v2/\u0085x', 'User-Agent: \u00e9\r\nX-Forwarded-For: 192.0.2.7\r\n'],
    ['/v2/', 'User-Agent: a\u001b[2J\r\n'],
    ['/v2/', 'X-Forwarded-For: 192.0.2.1\n{}\r\n'],
  ];
  const answered: number[] = [];
  for (const [target = '', more = ''] of heads) {
    const text = await scene.exchange(
      Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${more}\r\n`, 'latin1'),
    );
    answered.push(...(statuses(text) ?? []));
  }
  expect(answered).toHaveLength(heads.length);
  await scene.crane[Symbol.asyncDispose](); // all is written then
  const log = await readFile(scene.accessLog, 'latin1');
  expect(log).toMatch(/^[ -~\n]+$/);
  const lines = log.split('\n').slice(0, -1);
  const told = lines.map((line) => JSON.parse(line) as { status: number; client: string });
  // What is no request is answered with 400 and has no line.
  expect(told.map(({ status }) => status)).toEqual(answered.filter((status) => status !== 400));
  for (const { client } of told) expect(client).toMatch(/^(?:127\.0\.0\.1|192\.0\.2\.7)$/);
});

test('requests that are sent at once on one connection are answered in their order', async () => {
  await using scene = await openScene();
  const text = await scene.exchange(
    [
      head('/v2/'),
      head(MANIFEST),
      head('/nowhere'),
      head(BLOB),
      head('/mirrors', 'Connection: close\r\n'),
    ].join(''),
  );
  expect(statuses(text)).toEqual([200, 200, 404, 200, 200]);
});

test('headers that come too slowly are cut off, and hold up nobody', async () => {
  await using scene = await openScene();
  const slow = Array.from({ length: 20 }, () => scene.exchange('GET /v2/ HTTP/1.1\r\nHost: x\r\nX-Slow: '));
  expect((await ask(scene.crane, MANIFEST)).status).toBe(200);
  for (const text of await Promise.all(slow)) expect(statuses(text) ?? [408]).toEqual([408]);
}, 60_000);

test('CR and LF, escaped or not, in path, query and headers make no header, and no second answer', async () => {
  await using scene = await openScene();
  const { exchange } = scene;
  const breaks = '%0d%0aX-Evil:%20yes%0d%0a%0d%0aHTTP/1.1%20200%20OK';
  for (const target of [
    `/v2/team/app${breaks}/manifests/latest`,
    `/v2/team/app/manifests/latest${breaks}`,
    `/v2/team/app/manifests/latest?serial=${breaks}`,
    `/v2/team/app/tags/list?n=1&last=${breaks}`,
    `/v2/_catalog?n=1&last=${breaks}`,
    `${BLOB}?mirrorlist${breaks}`,
    `/v2/team/app/referrers/${image.digest}?artifactType=${breaks}`,
    `/?q=${breaks}`,
    `/?repository=${breaks}`,
    `/mirrors?${breaks}`,
  ]) {
    const text = await exchange(
      `GET ${target} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-For: 192.0.2.1%0d%0aX-Evil: yes\r\nUser-Agent: a\r\nConnection: close\r\n\r\n`,
    );
    const top = text.slice(0, text.indexOf('\r\n\r\n') + 4);
    expect(top).not.toMatch(/evil/i);
    expect([target, text.length - top.length]).toEqual([
      target,
      Number(/content-length: (\d+)/i.exec(top)?.[1]),
    ]);
  }
});

test('no header of a request stands in a Location, a Link or a page', async () => {
  await using scene = await openScene();
  const headers = {
    'X-Forwarded-Host': 'evil.example',
    'X-Forwarded-Proto': 'evil',
    'X-Forwarded-Prefix': '/evil',
    'X-Forwarded-Port': '666',
    Forwarded: 'host=evil.example;proto=https',
    'X-Original-URL': '/evil',
    'X-Rewrite-URL': '/evil',
    Referer: 'https://evil.example/',
  };
  for (const target of [
    BLOB,
    '/v2/team/app/tags/list?n=0',
    '/v2/_catalog?n=1',
    '/',
    '/?repository=team/app',
  ]) {
    const answer = await ask(scene.crane, target, { headers });
    const told = JSON.stringify([...answer.headers]) + (await answer.text());
    expect([target, told.includes('evil')]).toEqual([target, false]);
  }
  expect((await ask(scene.crane, BLOB, { headers })).headers.get('location')).toMatch(
    `${scene.mirror.url}/pool/`,
  );
});

test('CONNECT is refused as any other method, and its connection ends', async () => {
  await using scene = await openScene();
  const answer = await scene.exchange(
    'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n',
  );
  expect(statuses(answer)).toEqual([405]);
  const [headers = '', body = ''] = answer.split('\r\n\r\n');
  expect(headers).toContain('\r\nAllow: GET, HEAD\r\n');
  expect(headers).toContain(`\r\nContent-Length: ${body.length}\r\n`);
  expect(JSON.parse(body)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
});
