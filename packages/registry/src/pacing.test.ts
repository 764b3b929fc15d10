import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import { makeImage, makeLayer } from './in-process/image-maker.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process/in-process-registry.ts';
import type { RegistryOptions } from './options.ts';
import { all, bytesOf, caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const layer = makeLayer([{ path: '/a', content: 'a' }]);
const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer] });

/** A registry with one image, and a client whose clock notes what is waited for. */
async function open(upstream: InProcessOptions, options: Partial<RegistryOptions> = {}) {
  const registry = createInProcessRegistry(upstream);
  registry.push('team/app', image, '1', '2', '3');
  const server = await registry.listen();
  const clock = instantClock();
  const client = openRegistry({ name: 'builds', url: server.url, clock, environment: {}, ...options });
  return {
    registry,
    client,
    clock,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('a rate', () => {
  test('counts every request of every kind to a host: lists, HEAD, manifests, blobs, referrers, tokens', async () => {
    await using it = await open(
      { authentication: { bearer: {} }, pageSize: 2 },
      { rate: { requestsPerSecond: 1, burst: 1 } },
    );
    await all(it.client.repositories());
    await all(it.client.tags('team/app'));
    await it.client.head('team/app', '1');
    await it.client.manifest('team/app', '1');
    await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    await it.client.referrers('team/app', image.digest);
    const kinds = it.registry.requests.map(({ path, status }) => `${path.split('?')[0]} ${status}`);
    expect(kinds).toEqual([
      '/v2/_catalog 401',
      '/token 200',
      '/v2/_catalog 200',
      '/token 200',
      '/v2/team/app/tags/list 200',
      '/v2/team/app/tags/list 200',
      '/v2/team/app/manifests/1 200',
      '/v2/team/app/manifests/1 200',
      `/v2/team/app/blobs/${layer.digest} 200`,
      `/v2/team/app/referrers/${image.digest} 200`,
    ]);
    expect(it.clock.waits).toEqual(Array.from({ length: kinds.length - 1 }, () => 1000));
  });

  test('holds for all calls together, after a burst', async () => {
    await using it = await open({}, { rate: { requestsPerSecond: 5, burst: 3 } });
    const startMs = it.clock.now();
    await Promise.all(Array.from({ length: 23 }, () => it.client.head('team/app', '1')));
    expect([it.registry.requests.length, it.clock.now() - startMs]).toEqual([23, 20 * 200]);
  });

  test('is each host’s own', async () => {
    await using store = await serve((_, response) => void response.end(layer.bytes));
    await using it = await open(
      { intercept: faults.only({ path: /\/blobs\// }, faults.redirectTo(`${store.url}/x`)) },
      { rate: { requestsPerSecond: 1, burst: 1 } },
    );
    await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    expect([store.seen.length, it.clock.waits]).toEqual([1, []]);
    await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    expect([store.seen.length, it.clock.waits]).toEqual([2, [1000]]); // the same wait did for the store
  });

  test.each([
    [{ requestsPerSecond: 0 }, 'rate.requestsPerSecond is 0'],
    [{ requestsPerSecond: -1 }, 'rate.requestsPerSecond is -1'],
    [{ requestsPerSecond: Number.NaN }, 'rate.requestsPerSecond is NaN'],
    [{ requestsPerSecond: Number.POSITIVE_INFINITY }, 'rate.requestsPerSecond is Infinity'],
    [{ requestsPerSecond: 1, burst: 0 }, 'rate.burst is 0; a whole number from 1 on is right'],
    [{ requestsPerSecond: 1, burst: 1.5 }, 'rate.burst is 1.5'],
  ])('that is %j is refused', (rate, words) => {
    expect(() => openRegistry({ name: 'builds', url: 'http://127.0.0.1:9', rate })).toThrow(
      expect.objectContaining({ code: 'CONFIGURATION_INVALID', message: expect.stringContaining(words) }),
    );
  });
});

describe('a host that asks for fewer requests', () => {
  test.each([
    ['seconds', faults.tooMany(7), 7000],
    ['a date, by the host’s own clock', faults.tooMany(new Date(Date.now() + 7200_000)), 60_000],
    ['a date that is past', faults.tooMany(new Date(0)), 0],
    ['an hour', faults.tooMany(3600), 60_000],
    ['seconds, by a 503', faults.tooMany(7, 503), 7000],
    ['no time', faults.tooMany(), 0],
  ])('by %s is left alone for that time, capped, and a bit', async (_, fault, expectedMs) => {
    await using it = await open({ intercept: faults.only({ times: 1 }, fault) });
    expect((await it.client.head('team/app', '1'))?.digest).toBe(image.digest);
    expect(it.clock.waits).toEqual([expectedMs + 250]);
    expect(it.registry.requests).toHaveLength(2);
  });

  test('is left alone by all calls, those too that come meanwhile', async () => {
    await using it = await open({ intercept: faults.only({ times: 1 }, faults.tooMany(30)) });
    const first = it.client.head('team/app', '1');
    const others = ['1', '2', '3'].map((tag) => it.client.head('team/app', tag));
    for (const each of [first, ...others]) expect((await each)?.digest).toBe(image.digest);
    expect(it.registry.requests.map(({ status }) => status)).toEqual([429, 200, 200, 200, 200]);
    expect(it.clock.waits).toContain(30_250);
  });

  test('holds back no other host', async () => {
    await using store = await serve((_, response) => {
      response.writeHead(429, { 'retry-after': '30' }).end();
    });
    const waiting = Promise.withResolvers<void>();
    await using it = await open(
      { intercept: faults.only({ path: /\/blobs\// }, faults.redirectTo(`${store.url}/x`)) },
      {
        clock: {
          ...instantClock(),
          wait: (_, signal) => {
            waiting.resolve();
            return new Promise((__, reject) => {
              signal?.addEventListener('abort', () => reject(signal.reason as Error));
            });
          },
        },
      },
    );
    const ending = new AbortController();
    const blob = it.client.blob('team/app', layer.digest, 0, { signal: ending.signal });
    await waiting.promise;
    expect((await it.client.head('team/app', '1'))?.digest).toBe(image.digest);
    ending.abort(new Error('enough'));
    await expect(blob).rejects.toThrow('enough');
  });

  test('for good is given up, and the fault tells when to come back', async () => {
    await using it = await open({ intercept: faults.tooMany(3600) });
    const fault = await caught(it.client.head('team/app', '1'));
    expect([fault.code, fault.retry, fault.details['retryAfterSeconds']]).toEqual([
      'TOOMANYREQUESTS',
      true,
      3600,
    ]);
    expect(it.registry.requests).toHaveLength(5);
  });

  test('is heeded before it refuses, when it tells what is left', async () => {
    await using it = await open({
      intercept: faults.withHeaders({ ratelimit: '"default";r=0;t=20' }),
    });
    await it.client.manifest('team/app', '1');
    await it.client.manifest('team/app', '2');
    expect(it.clock.waits).toEqual([20_000]);
  });

  test('as a token server is left alone too', async () => {
    await using it = await open({
      authentication: { bearer: {} },
      intercept: faults.only({ path: /^\/token/, times: 1 }, faults.tooMany(9)),
    });
    expect((await it.client.head('team/app', '1'))?.digest).toBe(image.digest);
    expect(it.clock.waits).toEqual([9250]);
  });
});

test('a token that runs out while its request waits for its turn is renewed before it is sent', async () => {
  const clock = instantClock();
  const spent = faults.withHeaders({ ratelimit: '"default";r=0;t=60' });
  await using it = await open(
    {
      authentication: { bearer: { ttlSeconds: 60 } },
      now: () => clock.now(),
      intercept: faults.only({ path: /manifests/, authorized: true, times: 1 }, spent),
    },
    { clock },
  );
  await it.client.manifest('team/app', '1');
  await it.client.manifest('team/app', '2');
  expect(clock.waits).toEqual([60_000]);
  expect(it.registry.requests.map(({ path, status }) => `${path.split('?')[0]} ${status}`)).toEqual([
    '/v2/team/app/manifests/1 401',
    '/token 200',
    '/v2/team/app/manifests/1 200',
    '/token 200',
    '/v2/team/app/manifests/2 200',
  ]);
});

test('a client says who it is', async () => {
  await using server = await serve((_, response) => void response.writeHead(404).end());
  await using client = openRegistry({ name: 'builds', url: server.url });
  await client.head('team/app', '1');
  await using named = openRegistry({
    name: 'builds',
    url: server.url,
    userAgent: 'mine/1 (+https://example.org)',
  });
  await named.head('team/app', '1');
  expect(server.seen.map(({ headers }) => headers['user-agent'])).toEqual([
    expect.stringMatching(/^gantry\/\d+\.\d+\.\d+$/),
    'mine/1 (+https://example.org)',
  ]);
});
