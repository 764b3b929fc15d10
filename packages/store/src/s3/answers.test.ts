import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createS3Client, type S3Client } from './client.ts';

/** What comes of answers that no real server gives on demand. */
interface Opened extends AsyncDisposable {
  readonly client: S3Client;
  readonly seen: IncomingMessage[];
}

async function openOn(answer: RequestListener, host = '127.0.0.1'): Promise<Opened> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  }).listen(0, host);
  await once(server, 'listening');
  const client = await createS3Client(
    {
      bucket: 'answers',
      endpoint: `http://${host}:${(server.address() as AddressInfo).port}`,
      forcePathStyle: true,
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    },
    { retries: { attempts: 3, baseMs: 1, maxMs: 1 } },
  );
  return {
    client,
    seen,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      server.closeAllConnections();
      await server[Symbol.asyncDispose]();
    },
  };
}

const bytes = Buffer.from('0123456789');
const headers = { ETag: '"tag"' };

test('an answer without a Content-Length is refused: its size has no bound, and a cut one would look whole', async () => {
  let written = 0;
  await using opened = await openOn((request, response) => {
    response.writeHead(200, headers);
    if (request.method === 'HEAD') return response.end();
    const more = () => {
      while (response.writable && response.write(Buffer.alloc(65_536))) written += 65_536;
    };
    response.on('drain', more);
    return more();
  });
  const { client, seen } = opened;
  const refused = {
    code: 'UNSUPPORTED',
    message: expect.stringMatching(/"endless".*without a Content-Length/) as string,
  };
  await expect(client.read('endless', 10)).rejects.toMatchObject(refused);
  await expect(client.open('endless')).rejects.toMatchObject(refused);
  await expect(client.head('endless')).rejects.toMatchObject(refused);
  expect(seen).toHaveLength(3);
  expect(written).toBeLessThan(64 * 1024 * 1024);
});

test('a body that is cut is gone on with from the byte where it ended, and is no whole one if it always is', async () => {
  let isCut = false;
  await using opened = await openOn(({ headers: { range = '' } }, response) => {
    const start = Number(/^bytes=([0-9]+)-$/.exec(range)?.[1] ?? 0);
    const rest = bytes.subarray(start);
    response.writeHead(start === 0 ? 200 : 206, {
      ...headers,
      'Content-Length': rest.length,
      ...(start === 0 ? {} : { 'Content-Range': `bytes ${start}-9/10` }),
    });
    if (isCut && start > 0) response.write('', () => response.destroy());
    else response.write(rest.subarray(0, 4), () => (rest.length > 4 ? response.destroy() : response.end()));
  });
  const { client, seen } = opened;
  expect((await client.read('cut', 10))?.bytes).toEqual(bytes);
  expect(seen.map(({ headers: { range } }) => range)).toEqual([undefined, 'bytes=4-', 'bytes=8-']);
  isCut = true;
  await expect(client.read('cut', 10)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a server that answers a range with something else is refused: its bytes are not those that were asked for', async () => {
  await using opened = await openOn((_, response) => {
    response.writeHead(200, { ...headers, 'Content-Length': bytes.length });
    response.end(bytes);
  });
  const refused = {
    code: 'UNSUPPORTED',
    message: expect.stringContaining('no Content-Range where bytes 4-') as string,
  };
  await expect(opened.client.open('whole', { start: 4 })).rejects.toMatchObject(refused);
  expect((await opened.client.read('whole', 10))?.bytes).toEqual(bytes);
});

test.each([
  ['does not leave the machine, its checksum alone says what it holds', '127.0.0.1', 'UNSIGNED-PAYLOAD'],
  [
    'goes by plain HTTP, its bytes are signed',
    '0.0.0.0',
    '84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882',
  ],
])('where a write %s', async (_, host, signed) => {
  const came: Buffer[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    came.push(await buffer(request));
    response.writeHead(200, headers).end();
  };
  await using opened = await openOn((request, response) => void take(request, response), host);
  await opened.client.put('some', bytes);
  expect(came).toEqual([bytes]);
  expect(opened.seen[0]?.headers).toMatchObject({
    'x-amz-content-sha256': signed,
    'x-amz-checksum-sha256': 'hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=',
  });
});
