import { connect } from 'node:net';
import { digestOf } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import * as fc from 'fast-check';
import type { Crane } from './crane.ts';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
} from './crane.fixture.ts';

/** In full with `npm run soak`, a tenth otherwise, the same each time. */
const RUNS = process.env['GANTRY_TEST_SOAK'] === undefined ? 600 : 6000;
const SEED = Number(process.env['GANTRY_TEST_SEED'] ?? 20261122);

/**
 * Sends bytes as they are, and gives all that comes back until the connection ends. A request is left open until its answer
 * comes: what is read first would not be sent to a client that has closed its side.
 */
function exchange(crane: Crane, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(Number(new URL(crane.url).port), '127.0.0.1');
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => {
    pieces.push(piece);
    socket.end();
  });
  socket.on('error', () => undefined); // what came before it counts
  socket.on('close', () => resolve(Buffer.concat(pieces).toString('latin1')));
  const sent = Buffer.from(bytes, 'latin1');
  if (bytes.endsWith('\r\n\r\n')) socket.write(sent);
  else socket.end(sent);
  return promise;
}

function parseAnswer(text: string): { status: number; headers: Map<string, string> } {
  const [statusLine = '', ...lines] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(statusLine.split(' ')[1] ?? Number.NaN), headers: new Map(headers) };
}

test('whatever comes over the wire: no failure of ours, and no Location but a mirror’s', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('team/app', { latest: image })] });
  await using mirror = await startMirror({ directory: folder.path });
  await using crane = await startTestCrane({
    tree: folder.path,
    manifests: 'redirect',
    mirrors: [{ name: 'one', url: mirror.url, trusted: true }],
    catalog: true,
    page: true,
    trustedProxies: ['127.0.0.0/8'],
  });

  const piece = fc.oneof(
    fc.constantFrom(
      '/v2',
      '/team',
      '/app',
      '/manifests',
      '/blobs',
      '/tags',
      '/list',
      '/referrers',
      '/latest',
      '/..',
    ),
    fc.constantFrom(
      `/${image.digest}`,
      `/${image.layer}`,
      `/${digestOf('nobody')}`,
      '?n=1',
      '&last=',
      '%2e',
      '%zz',
      '//',
    ),
    fc.constantFrom(
      '?mirrorlist',
      '?serial=',
      '?serial=1',
      '1',
      '999999999999999999999',
      '?artifactType=a/b%0d%0aX: evil',
      '?q=<script>evil',
      '?page=-1',
      '?repository=team/app',
      '%0d%0aLocation:%20https://evil.example',
      '%00',
      '%C0%AE',
    ),
    fc.constantFrom('@evil.example', 'http://evil.example', '\\', '#', ';', '\t', '\u0000', '"', '<script>'),
    fc.string({ maxLength: 12 }),
  );
  const target = fc.oneof(
    fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
    fc.array(piece, { maxLength: 3 }).map((pieces) => `/v2/team/app/blobs/${image.layer}${pieces.join('')}`),
    fc.array(piece, { maxLength: 3 }).map((pieces) => `/v2/team/app/manifests/${pieces.join('')}`),
    fc
      .tuple(
        fc.constantFrom(
          '/',
          '/mirrors',
          '/v2/_catalog',
          '/v2/team/app/tags/list',
          '/v2/team/app/manifests/latest',
          `/v2/team/app/referrers/${image.digest}`,
          `http://evil.example/v2/team/app/blobs/${image.layer}`,
        ),
        fc.array(piece, { maxLength: 4 }),
      )
      .map(([route, pieces]) => route + pieces.join('')),
  );
  const headerValue = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom(
      '*',
      '"',
      'bytes=0-1',
      'bytes=9-1',
      'chunked',
      'evil.example',
      'keep-alive',
      '100-continue',
      '-1',
      'websocket',
    ),
  );
  const headerName = fc.constantFrom(
    'Host',
    'X-Forwarded-Host',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'User-Agent',
    'Forwarded',
    'Accept',
    'Range',
    'If-None-Match',
    'If-Range',
    'Content-Length',
    'Transfer-Encoding',
    'Expect',
    'Upgrade',
    'Connection',
    'Authorization',
    'X-Any',
  );
  const method = fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'BREW');
  const request = fc
    .tuple(method, target, fc.array(fc.tuple(headerName, headerValue), { maxLength: 4 }))
    .map(([verb, path, headers]) =>
      [
        `${verb} ${path} HTTP/1.1`,
        'Host: crane',
        ...headers.map(([name, value]) => `${name}: ${value}`),
        'Connection: close',
        '',
        '',
      ].join('\r\n'),
    );

  await fc.assert(
    fc.asyncProperty(fc.oneof(request, fc.string({ maxLength: 60 })), async (bytes) => {
      const text = await exchange(crane, bytes);
      const { status, headers } = parseAnswer(text === '' ? 'HTTP/1.1 400 \r\n\r\n' : text);
      expect({ bytes, fine: status >= 100 && status < 500 }).toEqual({ bytes, fine: true });
      expect(headers.get('location') ?? `${mirror.url}/pool/`).toMatch(
        /^http:\/\/127\.0\.0\.1:\d+\/pool\/[a-z0-9/-]*$/,
      );
      expect(headers.get('location') ?? mirror.url).toContain(mirror.url);
      const [head = '', body = ''] = text.split('\r\n\r\n', 2);
      expect(head).not.toContain('evil');
      expect(head).toMatch(/^[\r\n\x20-\x7e]*$/);
      const isHtml = headers.get('content-type')?.startsWith('text/html') === true;
      expect(isHtml ? body : '').not.toContain('<script');
    }),
    { numRuns: RUNS, seed: SEED },
  );
  expect((await ask(crane, '/v2/')).status).toBe(200);
}, 60_000);

test('headers and targets beyond the limits are refused, and the crane goes on', async () => {
  await using folder = await temporaryFolder();
  await using crane = await startTestCrane({ tree: folder.path });
  const long = await exchange(crane, `GET /v2/${'a/'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect([414, 431]).toContain(parseAnswer(long).status);
  const wide = await exchange(crane, `GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
  expect(parseAnswer(wide).status).toBe(431);
  const body = await exchange(
    crane,
    `POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n${'z'.repeat(1000)}`,
  );
  expect(parseAnswer(body).status).toBe(405);
  expect((await ask(crane, '/v2/')).status).toBe(200);
});
