import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { openRegistry } from './client.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import { makeImage, makeLayer } from './in-process/image-maker.ts';
import type { RegistryOptions } from './options.ts';
import { bytesOf, caught } from './testing/caught.ts';
import { selfSigned } from './testing/certificate.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const user = { username: 'bot', password: 'hunter2' };
const layer = makeLayer([{ path: '/a', content: 'a' }]);
const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
const toLoopback = () => Promise.resolve([{ address: '127.0.0.1', family: 4 as const }]);

/** A registry with one image, whose first requests `trouble` answers. */
function upstream(trouble: (count: number, request: IncomingMessage, response: ServerResponse) => boolean) {
  let count = 0;
  const registry = createInProcessRegistry({
    intercept: (request, response) => trouble(++count, request, response),
  });
  registry.push('team/app', image, '1');
  return registry;
}

function openClient(url: string, options: Partial<RegistryOptions> = {}) {
  return openRegistry({ name: 'builds', url, clock: instantClock(), environment: {}, ...options });
}

describe('trouble that may pass', () => {
  test.each([408, 429, 500, 502, 503, 504])('%i is asked again until it is over', async (status) => {
    const registry = upstream((count, _, response) => {
      if (count < 5) response.writeHead(status).end();
      return count < 5;
    });
    await using server = await registry.listen();
    await using client = openClient(server.url);
    expect((await client.manifest('team/app', '1')).digest).toBe(image.digest);
    expect(registry.requests).toHaveLength(5);
  });

  test.each([
    [429, 'TOOMANYREQUESTS', 'it asks for fewer requests'],
    [503, 'SOURCE_FAILED', 'it answered 503'],
  ])('%i for ever is a %s after 5 attempts', async (status, code, words) => {
    const registry = upstream((_, __, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"X","message":"ask later"}]}');
      return true;
    });
    await using server = await registry.listen();
    await using client = openClient(server.url);
    const fault = await caught(client.manifest('team/app', '1'));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(words);
    expect(fault.message).toContain('manifest team/app:1');
    expect(fault.message).toContain('(it says "X: ask later")');
    expect(fault.details).toMatchObject({ source: 'builds', repository: 'team/app', reference: '1', status });
    expect(registry.requests).toHaveLength(5);
  });

  test('other statuses are not asked again', async () => {
    for (const status of [400, 405, 410, 418, 501]) {
      const registry = upstream((_, __, response) => {
        response.writeHead(status).end();
        return true;
      });
      await using server = await registry.listen();
      await using client = openClient(server.url);
      expect((await caught(client.manifest('team/app', '1'))).code).toBe('SOURCE_FAILED');
      expect(registry.requests).toHaveLength(1);
    }
  });

  test('a pause that the registry asks for is kept by other calls too', async () => {
    const registry = upstream((count, _, response) => {
      if (count === 1) response.writeHead(429, { 'retry-after': '7' }).end();
      return count === 1;
    });
    await using server = await registry.listen();
    const clock = instantClock();
    const waits: number[] = [];
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const over = Promise.withResolvers<void>();
    await using client = openClient(server.url, {
      clock: {
        ...clock,
        async wait(ms) {
          begun[waits.push(ms) - 1]?.resolve();
          await over.promise;
          clock.advance(ms);
        },
      },
    });
    const first = client.head('team/app', '1');
    await begun[0]?.promise;
    const second = client.head('team/app', '1');
    await begun[1]?.promise;
    expect([waits, registry.requests.length]).toEqual([[7250, 7000], 1]);
    over.resolve();
    expect((await first)?.digest).toBe(image.digest);
    expect((await second)?.digest).toBe(image.digest);
  });

  test('a broken connection is opened again, also in the middle of a manifest', async () => {
    const registry = upstream((count, request, response) => {
      if (count === 1) request.socket.destroy();
      if (count === 2) {
        response.writeHead(200, { 'content-length': image.size }).write(image.bytes.subarray(0, 10));
        setImmediate(() => request.socket.destroy());
      }
      return count < 3;
    });
    await using server = await registry.listen();
    await using client = openClient(server.url);
    expect((await client.manifest('team/app', '1')).bytes.equals(image.bytes)).toBe(true);
    expect(registry.requests).toHaveLength(3);
  });

  test('a registry that nobody runs is unreachable after 5 attempts', async () => {
    const server = await serve(() => undefined);
    await server[Symbol.asyncDispose]();
    const clock = instantClock();
    await using client = openClient(server.url, { clock });
    const fault = await caught(client.head('team/app', '1'));
    expect(fault.code).toBe('SOURCE_UNREACHABLE');
    expect(fault.message).toContain(
      `source "builds" (${server.url}): it refuses the connection; check that it runs`,
    );
    expect(clock.waits).toEqual([250, 500, 1000, 2000]);
  });

  test('a request that is taken and not answered is given up, and made again', async () => {
    const registry = upstream((count) => count === 1);
    await using server = await registry.listen();
    await using client = openClient(server.url, { timeouts: { headersMs: 1000 } });
    expect((await client.head('team/app', '1'))?.digest).toBe(image.digest);
    expect(registry.requests).toHaveLength(2);
  });

  test('a name that does not exist is not tried again', async () => {
    const clock = instantClock();
    await using client = openClient('http://nowhere.example.org', {
      clock,
      resolve: () => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })),
    });
    const fault = await caught(client.head('team/app', '1'));
    expect([fault.code, clock.waits]).toEqual(['SOURCE_UNREACHABLE', []]);
    expect(fault.message).toContain('check its spelling');
  });
});

describe('calls that are ended', () => {
  test('end with the reason of their own signal, or of the client’s', async () => {
    for (const which of ['call', 'client']) {
      const ending = new AbortController();
      await using server = await serve(() => ending.abort(new Error('enough')));
      await using client = openClient(server.url, which === 'client' ? { signal: ending.signal } : {});
      const call = client.head('team/app', '1', which === 'call' ? { signal: ending.signal } : {});
      await expect(call).rejects.toThrow('enough');
      expect(server.seen).toHaveLength(1);
    }
  });

  test('end in a pause before the next attempt, too', async () => {
    const ending = new AbortController();
    await using server = await serve((_, response) => void response.writeHead(503).end());
    await using client = openRegistry({
      name: 'builds',
      url: server.url,
      clock: {
        ...instantClock(),
        wait: (_, signal) => {
          ending.abort(new Error('enough'));
          signal?.throwIfAborted();
          return Promise.resolve();
        },
      },
    });
    await expect(client.head('team/app', '1', { signal: ending.signal })).rejects.toThrow('enough');
    expect(server.seen).toHaveLength(1);
  });
});

/** A registry with a user, that redirects blobs to what `location` says. */
const redirecting = (location: (host: string) => string) => {
  const registry = createInProcessRegistry({
    authentication: { basic: user },
    intercept(request, response) {
      if (!request.url?.includes('/blobs/') || request.headers.authorization === undefined) return false;
      response.writeHead(307, { location: location(request.headers.host ?? '') }).end();
      return true;
    },
  });
  registry.push('team/app', image, '1');
  return registry;
};
const store: RequestListener = (_, response) => {
  response.writeHead(200, { 'content-length': layer.size }).end(layer.bytes);
};

describe('redirects', () => {
  test.each(['cdn.test', '127.0.0.1'])('lead to %s without credentials', async (host) => {
    await using cdn = await serve(store);
    await using server = await redirecting(() => `http://${host}:${cdn.port}/x?sig=1`).listen();
    await using client = openClient(server.url, {
      credentials: user,
      allow: { hosts: ['cdn.test'] },
      resolve: toLoopback,
    });
    const { body } = await client.blob('team/app', layer.digest);
    expect((await bytesOf(body)).equals(layer.bytes)).toBe(true);
    expect(cdn.seen.map(({ url }) => url)).toEqual(['/x?sig=1']);
    for (const name of ['authorization', 'cookie', 'proxy-authorization']) {
      expect(cdn.seen[0]?.headers[name]).toBeUndefined();
    }
  });

  test('within the registry itself keep the credentials', async () => {
    const registry = createInProcessRegistry({ authentication: { basic: user } });
    registry.push('team/app', image, '1');
    await using server = await serve((request, response) => {
      const moved = request.url?.replace('/old/', '/team/') ?? '';
      if (moved === request.url) return registry.handler(request, response);
      response.writeHead(308, { location: moved }).end();
    });
    await using client = openClient(server.url, { credentials: user });
    expect((await client.head('old/app', '1'))?.digest).toBe(image.digest);
  });

  test('to a name that has a private address are refused, whatever it had before', async () => {
    await using cdn = await serve(store);
    await using server = await redirecting(() => `http://cdn.test:${cdn.port}/x?sig=hunter3`).listen();
    await using client = openClient(server.url, { credentials: user, resolve: toLoopback });
    const fault = await caught(client.blob('team/app', layer.digest));
    expect([fault.code, cdn.seen.length]).toEqual(['SOURCE_ADDRESS_REFUSED', 0]);
    expect(fault.message).toContain('cdn.test, whose address 127.0.0.1 is not public');
    expect(fault.message).not.toContain('hunter');
  });

  test('that go in a circle are refused', async () => {
    const registry = redirecting((host) => `http://${host}/v2/team/app/blobs/${layer.digest}`);
    await using server = await registry.listen();
    await using client = openClient(server.url, { credentials: user });
    const fault = await caught(client.blob('team/app', layer.digest));
    expect(fault.message).toContain('in a circle');
    expect(registry.requests).toHaveLength(2);
  });

  test('whose target fails name the target, and nothing of its query', async () => {
    for (const [status, code] of [
      [403, 'SOURCE_FAILED'],
      [404, 'BLOB_UNKNOWN'],
    ] as const) {
      await using cdn = await serve((_, response) => void response.writeHead(status).end());
      await using server = await redirecting(() => `${cdn.url}/x?sig=hunter3`).listen();
      await using client = openClient(server.url, { credentials: user });
      const fault = await caught(client.blob('team/app', layer.digest));
      expect([fault.code, fault.details['host']]).toEqual([code, `127.0.0.1:${cdn.port}`]);
      expect(JSON.stringify([fault.message, fault.details])).not.toContain('hunter3');
    }
  });
});

describe('TLS', () => {
  const registry = createInProcessRegistry();
  registry.push('team/app', image, '1');

  test('an authority of one’s own is trusted when it is named, and only then', async () => {
    const { key, cert } = selfSigned(['registry.example.org']);
    await using server = await serve(registry.handler, { key, cert });
    await using trusting = openClient(server.url, { tls: { ca: cert } });
    expect((await trusting.head('team/app', '1'))?.digest).toBe(image.digest);
    await using strange = openClient(server.url);
    const fault = await caught(strange.head('team/app', '1'));
    expect(fault.code).toBe('SOURCE_UNREACHABLE');
    expect(fault.message).toContain('tls.caFile');
  });

  test('the client’s certificate is shown to the registry alone', async () => {
    const { key, cert } = selfSigned(['registry.example.org', 'cdn.test']);
    const mine = selfSigned(['client']);
    const subjects: [host: string | undefined, certified: boolean][] = [];
    const ask = { key, cert, requestCert: true, rejectUnauthorized: false };
    let cdnPort = 0;
    const listener: RequestListener = (request, response) => {
      const certificate = (request.socket as TLSSocket).getPeerX509Certificate();
      subjects.push([request.headers.host?.split(':')[0], certificate !== undefined]);
      if (request.headers.host?.startsWith('cdn')) response.end(layer.bytes);
      else response.writeHead(302, { location: `https://cdn.test:${cdnPort}/x` }).end();
    };
    await using cdn = await serve(listener, ask);
    cdnPort = cdn.port;
    await using server = await serve(listener, ask);
    await using client = openClient(`https://registry.example.org:${server.port}`, {
      tls: { ca: cert, cert: mine.cert, key: mine.key },
      allow: { hosts: ['cdn.test'] },
      resolve: toLoopback,
    });
    await bytesOf((await client.blob('team/app', layer.digest)).body);
    expect(subjects).toEqual([
      ['registry.example.org', true],
      ['cdn.test', false],
    ]);
  });

  test('a registry that has none, asked by https, is said to be the wrong port or scheme', async () => {
    await using server = await registry.listen();
    await using client = openClient(`https://127.0.0.1:${server.port}`);
    expect((await caught(client.head('team/app', '1'))).code).toBe('SOURCE_UNREACHABLE');
  });
});

test('through a proxy, HTTPS_PROXY is used for https and NO_PROXY is left out', async () => {
  const connects: string[] = [];
  const { key, cert } = selfSigned(['registry.example.org']);
  const registry = createInProcessRegistry();
  registry.push('team/app', image, '1');
  await using server = await serve(registry.handler, { key, cert });
  const proxy = createServer().on('connect', (request, socket) => {
    connects.push(request.url ?? '');
    const upstreamSocket = connect(server.port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstreamSocket.pipe(socket).pipe(upstreamSocket);
    });
    socket.on('error', () => upstreamSocket.destroy());
    upstreamSocket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => void proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as AddressInfo;
  const environment = { HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '127.0.0.1' };
  {
    await using proxied = openClient('https://registry.example.org', { tls: { ca: cert }, environment });
    expect((await proxied.head('team/app', '1'))?.digest).toBe(image.digest);
    await using direct = openClient(server.url, { tls: { ca: cert }, environment });
    expect((await direct.head('team/app', '1'))?.digest).toBe(image.digest);
    expect(connects).toEqual(['registry.example.org:443']);
  }
  proxy.closeAllConnections();
  await new Promise((resolve) => void proxy.close(resolve));
});
