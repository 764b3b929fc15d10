import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { Fault } from '@gantry/oci';
import { httpTree } from './http-source.ts';
import { serve } from './serving.fixture.ts';
import { until } from './until.fixture.ts';

const FILE = 'serial/current.json';

describe('a tree behind a URL', () => {
  test('gives its files, whole, as a stream, by size and Content-Type', async () => {
    await using server = await serve((request, response) => {
      response.setHeader('content-type', 'application/json').setHeader('content-length', 7);
      response.end(request.method === 'HEAD' ? undefined : 'pointer');
    });
    const tree = httpTree(`${server.url}/tree/`);
    expect(tree.name).toBe(`${server.url}/tree`);
    expect(Buffer.from((await tree.read(FILE, 7)) ?? '').toString()).toBe('pointer');
    expect(await tree.stat(FILE)).toEqual({ size: 7, contentType: 'application/json' });
    expect(await text((await tree.open(FILE)) ?? Readable.from([]))).toBe('pointer');
    expect(server.requests).toEqual([`GET /tree/${FILE}`, `HEAD /tree/${FILE}`, `GET /tree/${FILE}`]);
  });

  test('asks for bytes as they are', async () => {
    await using server = await serve((request, response) => {
      response.end(String(request.headers['accept-encoding']));
    });
    const bytes = await httpTree(server.url).read(FILE, 100);
    expect(Buffer.from(bytes ?? '').toString()).toBe('identity');
  });

  test.each([404, 410])('has no file where the answer is %i', async (status) => {
    await using server = await serve((_, response) => void response.writeHead(status).end('nothing here'));
    const tree = httpTree(server.url);
    expect(await tree.read(FILE, 100)).toBeUndefined();
    expect(await tree.stat(FILE)).toBeUndefined();
    expect(await tree.open(FILE)).toBeUndefined();
  });

  test('counts the bytes when the server does not say how many there are', async () => {
    await using server = await serve((_, response) => {
      response.write('poin');
      response.end('ter');
    });
    expect(await httpTree(server.url).stat(FILE)).toEqual({ size: 7, contentType: '' });
  });

  test('tries once more after a 503, and after a connection that broke', async () => {
    let turn = 0;
    await using server = await serve((request, response) => {
      turn++;
      if (turn === 1) response.writeHead(503).end();
      else if (turn === 3) request.socket.destroy();
      else if (turn === 5)
        response.writeHead(200, { 'content-length': 7 }).write('poi', () => response.destroy());
      else response.end('pointer');
    });
    const tree = httpTree(server.url);
    for (const requests of [2, 4, 6]) {
      expect(Buffer.from((await tree.read(FILE, 100)) ?? '').toString()).toBe('pointer');
      expect(server.requests).toHaveLength(requests);
    }
  });

  test('is UNAVAILABLE, with status and URL, when it goes on failing', async () => {
    await using server = await serve((_, response) => void response.writeHead(502).end());
    const read = httpTree(server.url, { attempts: 3 }).read(FILE, 100);
    await expect(read).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('502'),
    });
    await expect(read).rejects.toThrow(`${server.url}/${FILE}`);
    expect(server.requests).toHaveLength(3);
  });

  test('is not asked again where it refuses', async () => {
    await using server = await serve((_, response) => void response.writeHead(403).end());
    await expect(httpTree(server.url).read(FILE, 100)).rejects.toThrow(/403 Forbidden/);
    expect(server.requests).toHaveLength(1);
  });

  test('is UNAVAILABLE when nobody listens', async () => {
    const server = await serve(() => undefined);
    await server[Symbol.asyncDispose]();
    await expect(httpTree(server.url).read(FILE, 100)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('does not take more bytes than asked for', async () => {
    await using server = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(1000)));
      };
      response.on('drain', more);
      more();
    });
    const read = httpTree(server.url).read(FILE, 5000);
    await expect(read).rejects.toMatchObject({
      code: 'TREE_INVALID',
      message: expect.stringMatching(/5000/),
    });
  });

  test('is given up when it is silent, before the answer and within it', async () => {
    await using server = await serve((request, response) => {
      if (request.url?.includes('lists') === true)
        response.writeHead(200, { 'content-length': 9 }).write('x');
    });
    const tree = httpTree(server.url, { timeoutMs: 500, attempts: 1 });
    await expect(tree.read(FILE, 100)).rejects.toThrow(/silent for 500 ms/);
    await expect(tree.read('lists/000000000001.txt', 100)).rejects.toThrow(/silent for 500 ms/);
    const stream = await tree.open('lists/000000000001.txt');
    await expect(text(stream ?? Readable.from([]))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('is given up when it drips without end', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200);
      const drip = () => {
        if (!response.destroyed) response.write('x', () => setImmediate(drip));
      };
      drip();
    });
    const read = httpTree(server.url, { timeoutMs: 20, attempts: 1 }).read(FILE, Number.MAX_SAFE_INTEGER);
    await expect(read).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  test('ends its requests when told to', async () => {
    const stop = new AbortController();
    await using server = await serve(() => undefined);
    const read = httpTree(server.url, { signal: stop.signal }).read(FILE, 100);
    await until('the request', () => server.requests.length === 1);
    stop.abort();
    await expect(read).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(server.requests).toHaveLength(1);
  });

  test('lets go of the connection when its stream is not read to the end', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve((_, response) => {
      response.on('close', () => closed.resolve());
      response.write('x'.repeat(100));
    });
    const stream = await httpTree(server.url).open(FILE);
    stream?.destroy();
    await closed.promise;
    expect(stream?.destroyed).toBe(true);
  });

  test('may be moved by redirects, and sends its password to its own origin only', async () => {
    await using other = await serve((request, response) => {
      response.end(`moved, ${request.headers.authorization ?? 'no password'}`);
    });
    await using server = await serve((request, response) => {
      if (request.headers.authorization !== `Basic ${btoa('me:se%cret')}`) response.writeHead(401).end();
      else response.writeHead(307, { location: `${other.url}/there` }).end();
    });
    const tree = httpTree(server.url.replace('http://', 'http://me:se%25cret@'));
    expect(tree.name).toBe(server.url);
    expect(Buffer.from((await tree.read(FILE, 100)) ?? '').toString()).toBe('moved, no password');
    await expect(httpTree(server.url).read(FILE, 100)).rejects.toThrow(/401/);
  });

  test('is not followed in a circle, nor to anything but a web server', async () => {
    await using circle = await serve(
      (_, response) => void response.writeHead(302, { location: '/again' }).end(),
    );
    await expect(httpTree(circle.url).read(FILE, 100)).rejects.toThrow(/redirected more than 5 times/);
    await using file = await serve(
      (_, response) => void response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
    );
    await expect(httpTree(file.url).read(FILE, 100)).rejects.toThrow(/"file:.*not followed/);
  });

  test.each(['../secret', 'a/../b', 'a?b', 'a#b', 'a%2fb', '//host/a', '', '.hidden', 'https://elsewhere/x'])(
    'does not let the path %j lead out of it',
    async (file) => {
      await using server = await serve((_, response) => void response.end('x'));
      await expect(httpTree(server.url).read(file, 100)).rejects.toMatchObject({ code: 'TREE_INVALID' });
      expect(server.requests).toEqual([]);
    },
  );

  test.each([
    '',
    '/tree',
    'ftp://host/tree',
    'file:///tree',
    'https://host/tree?x=1',
    'https://user:secret@host/tree#x',
  ])('has no URL such as %j, and the refusal does not repeat it', (url) => {
    expect(() => httpTree(url)).toThrow(Fault);
    expect(() => httpTree(url)).toThrow(/^(?!.*secret).*http/);
  });
});
