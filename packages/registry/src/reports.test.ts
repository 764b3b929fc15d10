import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import { makeImage, makeLayer } from './in-process/image-maker.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process/in-process-registry.ts';
import type { RegistryOptions, RequestReport } from './options.ts';
import { bytesOf, caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const layer = makeLayer([{ path: '/a', content: 'a'.repeat(100) }]);
const image = makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers: [layer] });

/** A registry with one image, and a client whose reports are kept. `told` waits for so many of them. */
async function open(upstream: InProcessOptions, options: Partial<RegistryOptions> = {}) {
  const registry = createInProcessRegistry(upstream);
  registry.push('team/app', image, '1');
  const server = await registry.listen();
  const reports: RequestReport[] = [];
  let heard = Promise.withResolvers<void>();
  const client = openRegistry({
    name: 'builds',
    url: server.url,
    clock: instantClock(),
    onRequest(report) {
      reports.push(report);
      heard.resolve();
      heard = Promise.withResolvers();
    },
    ...options,
  });
  return {
    client,
    host: `127.0.0.1:${server.port}`,
    async told(count: number): Promise<readonly RequestReport[]> {
      while (reports.length < count) await heard.promise;
      expect(reports).toHaveLength(count);
      return reports;
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe('each request is reported once, when it is over', () => {
  test('with kind, method, host, status and attempt', async () => {
    await using it = await open({ authentication: { bearer: {} } });
    await it.client.head('team/app', '1');
    const reports = await it.told(3);
    expect(reports.map(({ kind, method, status }) => `${kind} ${method} ${status}`).toSorted()).toEqual([
      'manifest HEAD 200',
      'manifest HEAD 401',
      'token GET 200',
    ]);
    for (const { host, attempt } of reports) expect([host, attempt]).toEqual([it.host, 1]);
  });

  test('with the bytes of its body, whole or broken off', async () => {
    await using it = await open({
      intercept: faults.only({ path: /\/blobs\//, skip: 1 }, faults.cut(10)),
    });
    await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    await it.told(1);
    await caught(bytesOf((await it.client.blob('team/app', layer.digest)).body));
    const reports = await it.told(2);
    expect(reports.map(({ kind, status, bytes }) => [kind, status, bytes])).toEqual([
      ['blob', 200, layer.size],
      ['blob', 200, 10],
    ]);
  });

  test('with the number of the attempt, each redirect by the host that was asked', async () => {
    await using store = await serve((_, response) => void response.end(layer.bytes));
    await using it = await open({
      intercept: faults.several(faults.errors(2), faults.redirectTo(`${store.url}/x`)),
    });
    await bytesOf((await it.client.blob('team/app', layer.digest)).body);
    const reports = await it.told(4);
    expect(reports.map(({ host, status, attempt }) => [host, status, attempt])).toEqual([
      [it.host, 500, 1],
      [it.host, 500, 2],
      [it.host, 307, 3],
      [`127.0.0.1:${store.port}`, 200, 3],
    ]);
  });

  test('without a status when no answer came', async () => {
    await using it = await open({ intercept: faults.dropped() });
    await caught(it.client.head('team/app', '1'));
    const reports = await it.told(5);
    expect(reports.map(({ status, attempt, bytes }) => [status, attempt, bytes])).toEqual(
      [1, 2, 3, 4, 5].map((attempt) => [undefined, attempt, 0]),
    );
  });

  test('when its caller gives up, at once', async () => {
    const ending = new AbortController();
    await using it = await open({
      intercept() {
        ending.abort(new Error('enough'));
        return true;
      },
    });
    await expect(it.client.head('team/app', '1', { signal: ending.signal })).rejects.toThrow('enough');
    expect((await it.told(1))[0]?.status).toBeUndefined();
  });

  test('with how long it took, and how long it was held back before', async () => {
    const clock = instantClock();
    await using it = await open(
      {
        intercept() {
          clock.advance(1500);
          return false;
        },
      },
      { clock, rate: { requestsPerSecond: 0.1, burst: 1 } },
    );
    await it.client.manifest('team/app', '1');
    await it.client.manifest('team/app', '1');
    const reports = await it.told(2);
    expect(reports.map(({ seconds, waitedSeconds }) => [seconds, waitedSeconds])).toEqual([
      [1.5, 0],
      [1.5, 8.5],
    ]);
  });
});
