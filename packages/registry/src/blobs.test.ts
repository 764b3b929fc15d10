import { digestOf } from '@gantry/oci';
import { openRegistry } from './client.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import type { RegistryOptions } from './options.ts';
import { bytesOf, caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
const digest = digestOf(bytes);
const openClient = (url: string, options: Partial<RegistryOptions> = {}) =>
  openRegistry({ name: 'builds', url, clock: instantClock(), ...options });

function filled() {
  const registry = createInProcessRegistry();
  registry.putBlob('team/app', bytes);
  return registry;
}

describe('blob', () => {
  test('streams a blob from its beginning, without a Range', async () => {
    await using server = await serve(filled().handler);
    await using client = openClient(server.url);
    const { offset, size, body } = await client.blob('team/app', digest);
    expect([offset, size]).toEqual([0, bytes.length]);
    expect((await bytesOf(body)).equals(bytes)).toBe(true);
    expect(server.seen[0]?.headers.range).toBeUndefined();
    expect(server.seen[0]?.headers['accept-encoding']).toBeUndefined();
  });

  test('goes on from a byte', async () => {
    await using server = await serve(filled().handler);
    await using client = openClient(server.url);
    const { offset, size, body } = await client.blob('team/app', digest, 299_990);
    expect([offset, size]).toEqual([299_990, bytes.length]);
    expect((await bytesOf(body)).equals(bytes.subarray(299_990))).toBe(true);
    expect(server.seen[0]?.headers.range).toBe('bytes=299990-');
  });

  test('starts again at 0 with a registry that knows no ranges', async () => {
    await using server = await serve((_, response) => void response.end(bytes));
    await using client = openClient(server.url);
    const { offset, body } = await client.blob('team/app', digest, 1000);
    expect([offset, (await bytesOf(body)).length]).toEqual([0, bytes.length]);
  });

  test('starts again at 0 when nothing lies behind the byte', async () => {
    const registry = filled();
    await using server = await registry.listen();
    await using client = openClient(server.url);
    const { offset, body } = await client.blob('team/app', digest, bytes.length);
    expect([offset, (await bytesOf(body)).length]).toEqual([0, bytes.length]);
    expect(registry.requests.map(({ status }) => status)).toEqual([416, 200]);
  });

  test('takes a part of unknown size', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(206, { 'content-range': `bytes 10-${bytes.length - 1}/*` }).end(bytes.subarray(10));
    });
    await using client = openClient(server.url);
    const download = await client.blob('team/app', digest, 10);
    expect(download.size).toBeUndefined();
    expect((await bytesOf(download.body)).equals(bytes.subarray(10))).toBe(true);
  });

  test.each(['bytes 0-9/300000', 'bytes 9-/300000', 'items 10-19/20', ''])(
    'refuses a part that says it is %j',
    async (range) => {
      await using server = await serve((_, response) => {
        response.writeHead(206, range === '' ? {} : { 'content-range': range }).end(bytes.subarray(0, 10));
      });
      await using client = openClient(server.url);
      const fault = await caught(client.blob('team/app', digest, 10));
      expect(fault.code).toBe('SOURCE_FAILED');
      expect(fault.message).toContain(`blob ${digest} in team/app was asked for from byte 10 on`);
    },
  );

  test('refuses a part that nobody asked for, and an encoded body', async () => {
    for (const [status, headers] of [
      [206, { 'content-range': 'bytes 0-9/10' }],
      [200, { 'content-encoding': 'gzip, gzip' }],
    ] as const) {
      await using server = await serve(
        (_, response) => void response.writeHead(status, headers).end('0123456789'),
      );
      await using client = openClient(server.url);
      expect((await caught(client.blob('team/app', digest))).code).toBe('SOURCE_FAILED');
    }
  });

  test('says of a blob that is not there which it is', async () => {
    await using server = await serve(filled().handler);
    await using client = openClient(server.url);
    const absent = digestOf('absent');
    const fault = await caught(client.blob('team/app', absent));
    expect(fault.code).toBe('BLOB_UNKNOWN');
    expect(fault.message).toContain(`it has no blob ${absent} in team/app`);
    expect((await caught(client.blob('team/none', absent))).code).toBe('NAME_UNKNOWN');
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 60])('%d is no place to go on from', async (from) => {
    await using client = openClient('http://127.0.0.1:9');
    expect((await caught(client.blob('team/app', digest, from))).code).toBe('REQUEST_INVALID');
  });

  test('that breaks off ends with SOURCE_UNREACHABLE, and can be had from there on', async () => {
    let isCut = false;
    const registry = createInProcessRegistry({
      intercept(request, response) {
        if (isCut) return false;
        isCut = true;
        response.writeHead(200, { 'content-length': bytes.length });
        response.write(bytes.subarray(0, 100_000), () => request.socket.end());
        return true;
      },
    });
    registry.putBlob('team/app', bytes);
    await using server = await registry.listen();
    await using client = openClient(server.url);
    const chunks: Buffer[] = [];
    const { body } = await client.blob('team/app', digest);
    const reading = async () => {
      for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
    };
    const fault = await caught(reading());
    expect([fault.code, fault.retry, fault.details['digest']]).toEqual(['SOURCE_UNREACHABLE', true, digest]);
    const came = Buffer.concat(chunks);
    const rest = await client.blob('team/app', digest, came.length);
    expect(rest.offset).toBe(came.length);
    expect(Buffer.concat([came, await bytesOf(rest.body)]).equals(bytes)).toBe(true);
  });

  test('that stands still ends with SOURCE_UNREACHABLE', async () => {
    await using server = await serve((_, response) => void response.write('a few bytes'));
    await using client = openClient(server.url, { timeouts: { idleMs: 50 } });
    const { body } = await client.blob('team/app', digest);
    const fault = await caught(bytesOf(body));
    expect(fault.code).toBe('SOURCE_UNREACHABLE');
    expect(fault.message).toContain('stopped sending');
  });

  test('ends with its signal’s reason', async () => {
    const ending = new AbortController();
    await using server = await serve((_, response) => void response.write('a few bytes'));
    await using client = openClient(server.url);
    const { body } = await client.blob('team/app', digest, 0, { signal: ending.signal });
    const reading = bytesOf(body);
    ending.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });

  test('that is let go gives its connection free', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve((request, response) => {
      request.socket.once('close', () => closed.resolve());
      response.write('a few bytes');
    });
    await using client = openClient(server.url);
    const { body } = await client.blob('team/app', digest);
    body.destroy();
    await closed.promise;
    expect(body.destroyed).toBe(true);
  });

  test('does not run ahead of its reader', async () => {
    let sent = 0;
    const full = Promise.withResolvers<void>();
    await using server = await serve((_, response) => {
      const more = () => {
        while (sent < 64_000_000 && response.write(Buffer.alloc(65_536))) sent += 65_536;
        setImmediate(() => response.writableNeedDrain && full.resolve());
      };
      response.on('drain', more);
      more();
    });
    await using client = openClient(server.url);
    const { body } = await client.blob('team/app', digest);
    await full.promise;
    expect(body.readableLength).toBeLessThan(1_000_000);
    body.destroy();
  });
});

test('a HEAD does not wait behind blobs, however many are on their way', async () => {
  const registry = filled();
  const { digest: manifest } = registry.putManifest('team/app', Buffer.from('{}'), 'text/plain', '1');
  await using server = await serve((request, response) => {
    if (request.url?.includes('/blobs/')) response.write('a few bytes');
    else registry.handler(request, response);
  });
  await using client = openClient(server.url, { concurrency: 2 });
  const bodies = await Promise.all([client.blob('team/app', digest), client.blob('team/app', digest)]);
  const ending = new AbortController();
  const waiting = client.blob('team/app', digest, 0, { signal: ending.signal });
  expect((await client.head('team/app', '1'))?.digest).toBe(manifest);
  expect(server.seen.filter(({ url }) => url.includes('/blobs/'))).toHaveLength(2);
  ending.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  for (const { body } of bodies) body.destroy();
});
