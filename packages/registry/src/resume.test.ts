import { digestOf, hasherFor } from '@gantry/oci';
import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process/in-process-registry.ts';
import type { RegistryOptions } from './options.ts';
import type { BlobOptions, Registry } from './registry.ts';
import { bytesOf, caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const bytes = Buffer.from(Array.from({ length: 500_000 }, (_, at) => (at * 7) % 253));
const digest = digestOf(bytes);
const size = bytes.length;
const user = { username: 'bot', password: 'hunter2' };
const BLOB = /\/blobs\//;

async function open(upstream: InProcessOptions, options: Partial<RegistryOptions> = {}) {
  const registry = createInProcessRegistry(upstream);
  registry.putBlob('team/app', bytes);
  const server = await registry.listen();
  const clock = instantClock();
  const client = openRegistry({ name: 'builds', url: server.url, clock, environment: {}, ...options });
  return {
    registry,
    client,
    clock,
    paths: () =>
      registry.requests.map(({ path, status }) => `${path.split('?')[0]?.split('/').at(-2)} ${status}`),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Downloads as a sync does: goes on where the source broke off, until all is there. */
async function download(client: Registry, options: BlobOptions = {}, between: () => void = () => undefined) {
  let got = Buffer.alloc(0);
  let parts = 0;
  while (got.length < size && parts < 20) {
    parts++;
    const { offset, body } = await client.blob('team/app', digest, got.length, options);
    got = got.subarray(0, offset);
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) got = Buffer.concat([got, chunk]);
    } catch {
      between();
    }
  }
  expect(hasherFor(digest).update(got).digest('hex')).toBe(digest.slice('sha256:'.length));
  return parts;
}

const sized = (client: Registry, said: number, from = 0) =>
  client.blob('team/app', digest, from, { size: said });

describe('a blob that broke off', () => {
  test.each([1, 65_536, 100_003, 499_999])('after %i bytes goes on from there', async (after) => {
    await using it = await open({ intercept: faults.only({ path: BLOB, times: 1 }, faults.cut(after)) });
    expect(await download(it.client)).toBe(2);
    expect(it.paths()).toEqual(['blobs 200', 'blobs 206']);
  });

  test('again and again goes on each time from where it was', async () => {
    await using it = await open({ intercept: faults.cut(60_000) });
    expect(await download(it.client)).toBe(9);
    expect(it.paths().slice(1)).toEqual(Array.from({ length: 8 }, () => 'blobs 206'));
  });

  test('at its first byte, or before any, starts again', async () => {
    await using it = await open({
      intercept: faults.several(
        faults.only({ path: BLOB, times: 1 }, faults.cut(0)),
        faults.only({ path: BLOB, skip: 1, times: 1 }, faults.dropped()),
      ),
    });
    expect(await download(it.client)).toBe(2);
    expect(it.paths()).toEqual(['blobs 200', 'blobs 200', 'blobs 200']);
  });

  test('as it stood still goes on', async () => {
    await using it = await open(
      { intercept: faults.only({ path: BLOB, times: 1 }, faults.stall(100_000)) },
      { timeouts: { idleMs: 1000 } },
    );
    expect(await download(it.client)).toBe(2);
    expect(it.paths()).toEqual(['blobs 200', 'blobs 206']);
  });

  test('starts again with a server that knows no ranges', async () => {
    let isCut = false;
    await using server = await serve((_, response) => {
      if (isCut) {
        response.end(bytes);
        return;
      }
      isCut = true;
      response.writeHead(200, { 'content-length': size });
      response.write(bytes.subarray(0, 100_000), () => response.socket?.end());
    });
    await using client = openRegistry({ name: 'builds', url: server.url, clock: instantClock() });
    expect(await download(client)).toBe(2);
    expect(server.seen.map(({ headers }) => headers.range)).toEqual([
      undefined,
      expect.stringMatching(/^bytes=\d+-$/),
    ]);
  });

  test('goes on at a host that the registry led to, which is asked for the rest', async () => {
    const store = createInProcessRegistry({ intercept: faults.only({ times: 1 }, faults.cut(100_000)) });
    store.putBlob('team/app', bytes);
    await using behind = await store.listen();
    await using it = await open(
      {
        authentication: { basic: user },
        intercept: faults.only(
          { path: BLOB, authorized: true },
          faults.redirectTo(`${behind.url}/v2/team/app/blobs/${digest}`),
        ),
      },
      { credentials: user },
    );
    expect(await download(it.client)).toBe(2);
    expect(store.requests.map(({ status }) => status)).toEqual([200, 206]);
  });
});

describe('a token', () => {
  const bearer = { bearer: { credentials: user, ttlSeconds: 300 } };

  test('that was taken back while a blob was on its way does not end it', async () => {
    await using it = await open({ authentication: bearer }, { credentials: user });
    const { body } = await it.client.blob('team/app', digest);
    it.registry.expireTokens();
    expect((await bytesOf(body)).equals(bytes)).toBe(true);
  });

  test('that was taken back before the rest was asked for is replaced', async () => {
    await using it = await open(
      {
        authentication: bearer,
        intercept: faults.only({ path: BLOB, authorized: true, times: 1 }, faults.cut(70_000)),
      },
      { credentials: user },
    );
    expect(await download(it.client, {}, () => it.registry.expireTokens())).toBe(2);
    expect(it.paths()).toEqual(['blobs 401', ' 200', 'blobs 200', 'blobs 401', ' 200', 'blobs 206']);
  });

  test('that ran out before each part is replaced each time, by its time and without a 401', async () => {
    const clock = instantClock();
    await using it = await open(
      {
        authentication: bearer,
        now: () => clock.now(),
        intercept: faults.only({ path: BLOB, authorized: true }, faults.cut(100_000)),
      },
      { credentials: user, clock },
    );
    expect(await download(it.client, {}, () => clock.advance(3_600_000))).toBe(5);
    expect(it.paths()).toEqual([
      'blobs 401',
      ' 200',
      'blobs 200',
      ...Array.from({ length: 4 }, () => [' 200', 'blobs 206']).flat(),
    ]);
  });

  test.each([
    [{ expires_in: 300 }, 289, 291],
    [{ expires_in: 20 }, 15, 17],
    [{}, 49, 51],
    [{ expires_in: -5 }, 49, 51],
    [{ expires_in: 'soon' }, 49, 51],
    [{ expires_in: 300, issued_at: 'Sat, 21 Nov 2026 08:58:20 GMT' }, 189, 191],
    [{ expires_in: 300, issued_at: '2026-11-21T08:58:20Z' }, 189, 191],
    [{ expires_in: 300, issued_at: '2026-11-21T10:00:00Z' }, 289, 291],
    [{ expires_in: 300, issued_at: 'yesterday' }, 289, 291],
  ])('given out as %j is good for %i s and renewed before %i s', async (told, goodSeconds, overSeconds) => {
    const clock = instantClock();
    let given = 0;
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/token')) {
        response.setHeader('date', 'Sat, 21 Nov 2026 09:00:00 GMT');
        response.end(JSON.stringify({ token: `number-${++given}`, ...told }));
      } else if (request.headers.authorization === undefined) {
        const challenge = `Bearer realm="http://${request.headers.host}/token"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      } else response.writeHead(404).end();
    });
    await using client = openRegistry({ name: 'builds', url: server.url, clock });
    const usedAfter = async (seconds: number) => {
      clock.advance(seconds * 1000);
      await client.head('team/app', '1');
      return server.seen.at(-1)?.headers.authorization;
    };
    expect(await usedAfter(0)).toBe('Bearer number-1');
    expect(await usedAfter(goodSeconds)).toBe('Bearer number-1');
    expect(await usedAfter(overSeconds - goodSeconds)).toBe('Bearer number-2');
  });

  test('that is too old when it is given out is used once, and each call gets its own', async () => {
    let given = 0;
    await using server = await serve((request, response) => {
      if (request.url?.startsWith('/token')) {
        response.setHeader('date', 'Sat, 21 Nov 2026 09:00:00 GMT');
        const old = { expires_in: 60, issued_at: '2026-11-21T08:00:00Z' };
        response.end(JSON.stringify({ token: `number-${++given}`, ...old }));
      } else if (request.headers.authorization === undefined) {
        const challenge = `Bearer realm="http://${request.headers.host}/token"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      } else response.writeHead(404).end();
    });
    await using client = openRegistry({ name: 'builds', url: server.url, clock: instantClock() });
    for (let call = 0; call < 3; call++) expect(await client.head('team/app', '1')).toBeUndefined();
    expect(given).toBeLessThanOrEqual(6);
  });
});

describe('the size that a descriptor says', () => {
  test('is compared before the first byte', async () => {
    await using it = await open({});
    for (const from of [0, 1000]) {
      const fault = await caught(sized(it.client, size - 1, from));
      expect(fault.code).toBe('SIZE_INVALID');
      expect(fault.message).toContain(
        `blob ${digest} in team/app has ${size} bytes, its descriptor says ${size - 1}`,
      );
      expect((await caught(sized(it.client, size + 1, from))).code).toBe('SIZE_INVALID');
      expect((await bytesOf((await sized(it.client, size, from)).body)).length).toBe(size - from);
    }
  });

  test.each([
    ['without a Content-Length', faults.longer(1, 'chunked')],
    ['without an end', faults.endless()],
  ])('ends a body %s that goes on behind it, and gives nothing of that', async (_, fault) => {
    await using it = await open({ intercept: fault });
    const { body } = await sized(it.client, size);
    let got = 0;
    const reading = (async () => {
      for await (const chunk of body as AsyncIterable<Buffer>) got += chunk.length;
    })();
    const broken = await caught(reading);
    expect([broken.code, got <= size]).toEqual(['SIZE_INVALID', true]);
    expect(broken.message).toContain(`goes on after ${size} bytes`);
  });

  test('makes an early end an error, from which one can go on', async () => {
    await using it = await open({
      intercept: faults.only({ path: BLOB, times: 1 }, faults.shorter(10, 'chunked')),
    });
    const fault = await caught(bytesOf((await sized(it.client, size)).body));
    expect([fault.code, fault.retry]).toEqual(['SOURCE_UNREACHABLE', true]);
    expect(fault.message).toContain(`ended after ${size - 10} of ${size} bytes`);
    const rest = await sized(it.client, size, size - 10);
    expect((await bytesOf(rest.body)).equals(bytes.subarray(-10))).toBe(true);
  });

  test('can be 0', async () => {
    await using it = await open({});
    const empty = it.registry.putBlob('team/app', Buffer.alloc(0));
    const { body } = await it.client.blob('team/app', empty.digest, 0, { size: 0 });
    expect(await bytesOf(body)).toHaveLength(0);
  });
});

test('a small answer that keeps coming, too slowly, is given up and asked for again', async () => {
  await using server = await serve((_, response) => {
    const drip = setInterval(() => response.write(' '), 5);
    response.once('close', () => clearInterval(drip));
  });
  await using client = openRegistry({
    name: 'builds',
    url: server.url,
    clock: instantClock(),
    timeouts: { smallMs: 400 },
  });
  const fault = await caught(client.manifest('team/app', '1'));
  expect([fault.code, server.seen.length]).toEqual(['SOURCE_UNREACHABLE', 5]);
  expect(fault.message).toContain('does not answer in time');
});
