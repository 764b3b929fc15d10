import { get, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { digestOf } from '@gantry/oci';
import * as faults from './faults.ts';
import { makeImage, makeLayer } from './image-maker.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process-registry.ts';

const image = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: '/a', content: 'a' }])],
});
const bytes = Buffer.from(Array.from({ length: 10_000 }, (_, at) => at % 251));
const digest = digestOf(bytes);
const BLOB = `/v2/team/app/blobs/${digest}`;
const TAG = '/v2/team/app/manifests/1';

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Whether the body came to its end. */
  readonly isWhole: boolean;
}

async function open(intercept: NonNullable<InProcessOptions['intercept']>, options: InProcessOptions = {}) {
  const registry = createInProcessRegistry({ ...options, intercept });
  registry.push('team/app', image, '1');
  registry.putBlob('team/app', bytes);
  const server = await registry.listen();
  return {
    registry,
    /** Asks once, and reads on until the end, or until `enough` bytes are here. */
    ask: (path: string, { method = 'GET', headers = {}, enough = Number.POSITIVE_INFINITY } = {}) =>
      new Promise<Got>((resolve, reject) => {
        const request = get(server.url + path, { method, headers, agent: false }, (response) => {
          const chunks: Buffer[] = [];
          const done = () => {
            const { statusCode: status = 0, complete: isWhole } = response;
            resolve({ status, headers: response.headers, body: Buffer.concat(chunks), isWhole });
          };
          response.on('data', (chunk: Buffer) => {
            chunks.push(chunk);
            if (Buffer.concat(chunks).length < enough) return;
            done();
            request.destroy();
          });
          response.on('end', done).on('error', done);
        });
        request.on('error', reject);
      }),
    /** All that comes over a connection until it is closed. */
    async raw(path: string): Promise<Buffer> {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      return Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('a body', () => {
  test.each([0, 1, 9_999])('is cut after %i bytes', async (after) => {
    await using it = await open(faults.cut(after));
    const got = await it.ask(BLOB);
    expect([got.status, got.headers['content-length'], got.isWhole]).toEqual([200, '10000', false]);
    expect(got.body.equals(bytes.subarray(0, after))).toBe(true);
  });

  test('is cut in a part of it, too', async () => {
    await using it = await open(faults.cut(10));
    const got = await it.ask(BLOB, { headers: { range: 'bytes=100-' } });
    expect([got.status, got.isWhole]).toEqual([206, false]);
    expect(got.body.equals(bytes.subarray(100, 110))).toBe(true);
  });

  test('stands still after some bytes', async () => {
    await using it = await open(faults.stall(10));
    const got = await it.ask(BLOB, { enough: 10 });
    expect([got.body.length, got.isWhole]).toEqual([10, false]);
  });

  test('has wrong bytes, as many as it should', async () => {
    await using it = await open(faults.wrongBytes());
    const got = await it.ask(BLOB);
    expect([got.body.length, got.isWhole, got.headers['docker-content-digest']]).toEqual([
      bytes.length,
      true,
      digest,
    ]);
    expect(got.body.filter((byte, at) => byte !== bytes[at])).toHaveLength(1);
  });

  test.each([
    [faults.shorter(3), 9_997, '9997'],
    [faults.shorter(3, 'chunked'), 9_997, undefined],
    [faults.shorter(10_000), 0, '0'],
    [faults.longer(3), 10_003, '10003'],
    [faults.longer(3, 'chunked'), 10_003, undefined],
  ])('is too short or too long (case %#)', async (fault, length, said) => {
    await using it = await open(fault);
    const got = await it.ask(BLOB);
    expect([got.body.length, got.headers['content-length'], got.isWhole]).toEqual([length, said, true]);
    const alike = Math.min(length, bytes.length);
    expect(got.body.subarray(0, alike).equals(bytes.subarray(0, alike))).toBe(true);
  });

  test.each([
    [5, '10005'],
    [-5, '9995'],
  ])('has a Content-Length that is off by %i', async (by, said) => {
    await using it = await open(faults.wrongLength(by));
    const [head = '', body = ''] = (await it.raw(BLOB)).toString('latin1').split('\r\n\r\n');
    expect(head).toContain(`content-length: ${said}\r\n`);
    expect(body).toBe(bytes.toString('latin1'));
  });

  test('has no end', async () => {
    await using it = await open(faults.endless());
    const got = await it.ask(BLOB, { enough: 1_000_000 });
    expect([got.headers['content-length'], got.isWhole]).toEqual([undefined, false]);
  });

  test('comes with other headers', async () => {
    await using it = await open(faults.withHeaders({ 'content-encoding': 'gzip', ratelimit: '"a";r=0' }));
    const got = await it.ask(BLOB);
    expect(got.headers).toMatchObject({
      'content-encoding': 'gzip',
      ratelimit: '"a";r=0',
      'content-length': '10000',
    });
  });

  test('of an error is left as it is, and so is a HEAD', async () => {
    await using it = await open(faults.shorter(3));
    expect((await it.ask('/v2/team/none/tags/list')).status).toBe(404);
    expect((await it.ask(BLOB, { method: 'HEAD' })).headers['content-length']).toBe('10000');
  });
});

describe('an answer', () => {
  test('does not come', async () => {
    await using it = await open(faults.dropped());
    await expect(it.ask(BLOB)).rejects.toThrow('socket hang up');
  });

  test('is an error, the first times', async () => {
    await using it = await open(faults.errors(2, 502));
    const statuses = [await it.ask(BLOB), await it.ask(BLOB), await it.ask(BLOB)].map(({ status }) => status);
    expect(statuses).toEqual([502, 502, 200]);
  });

  test.each([
    [faults.tooMany(7), 429, '7'],
    [faults.tooMany(new Date(Date.UTC(2026, 10, 21, 9))), 429, 'Sat, 21 Nov 2026 09:00:00 GMT'],
    [faults.tooMany(undefined, 503), 503, undefined],
  ])('asks for fewer requests (case %#)', async (fault, status, retryAfter) => {
    await using it = await open(fault);
    const got = await it.ask(BLOB);
    expect([got.status, got.headers['retry-after']]).toEqual([status, retryAfter]);
    expect(got.body.toString()).toContain('TOOMANYREQUESTS');
  });

  test.each([
    [faults.redirectTo('file:///etc/passwd', 302), 302, 'file:///etc/passwd'],
    [faults.redirectToMetadata(), 307, 'http://169.254.169.254/latest/meta-data/iam/security-credentials/'],
    [faults.redirectLoop(), 307, BLOB],
  ])('redirects (case %#)', async (fault, status, location) => {
    await using it = await open(fault);
    const got = await it.ask(BLOB);
    expect([got.status, got.headers.location]).toEqual([status, location]);
  });

  test('comes after some redirects', async () => {
    await using it = await open(faults.redirectHops(2));
    const first = await it.ask(BLOB);
    const second = await it.ask(first.headers.location ?? '');
    const third = await it.ask(second.headers.location ?? '');
    expect([first.status, second.status, third.status]).toEqual([307, 307, 200]);
    expect(third.body.equals(bytes)).toBe(true);
  });
});

describe('between HEAD and GET', () => {
  const other = Buffer.from('{"other":true}');

  test('a tag moves', async () => {
    const it: Awaited<ReturnType<typeof open>> = await open(
      faults.movesAfterHead(() => it.registry, 'team/app', '1', digestOf(other)),
    );
    await using _ = it;
    it.registry.putManifest('team/app', other, 'text/plain');
    const head = await it.ask(TAG, { method: 'HEAD' });
    expect([head.headers['docker-content-digest'], head.headers['content-length']]).toEqual([
      image.digest,
      String(image.size),
    ]);
    expect((await it.ask(TAG)).body.equals(other)).toBe(true);
  });

  test('a manifest goes, with its tag', async () => {
    const it: Awaited<ReturnType<typeof open>> = await open(
      faults.goesAfterHead(() => it.registry, 'team/app', '1', image.digest),
    );
    await using _ = it;
    expect((await it.ask(TAG)).status).toBe(200);
    expect((await it.ask(TAG, { method: 'HEAD' })).headers['docker-content-digest']).toBe(image.digest);
    expect((await it.ask(TAG)).status).toBe(404);
    expect((await it.ask(`/v2/team/app/manifests/${image.digest}`)).status).toBe(404);
  });
});

describe('which requests', () => {
  test('is chosen by method, path, Authorization and number', async () => {
    const teapot = faults.errors(1000, 418);
    const statuses = async (which: faults.Which) => {
      await using it = await open(faults.only(which, teapot));
      const asked = [
        it.ask(BLOB),
        it.ask(BLOB, { method: 'HEAD' }),
        it.ask(TAG),
        it.ask(TAG, { headers: { authorization: 'Basic eDp5' } }),
      ];
      const found: number[] = [];
      for (const each of asked) found.push((await each).status);
      return found;
    };
    expect(await statuses({})).toEqual([418, 418, 418, 418]);
    expect(await statuses({ method: 'HEAD' })).toEqual([200, 418, 200, 200]);
    expect(await statuses({ path: /\/manifests\/1$/ })).toEqual([200, 200, 418, 418]);
    expect(await statuses({ authorized: true })).toEqual([200, 200, 200, 418]);
    expect(await statuses({ authorized: false, method: 'GET' })).toEqual([418, 200, 418, 200]);
  });

  test('is counted among those that match', async () => {
    await using it = await open(faults.only({ path: /blobs/, skip: 1, times: 1 }, faults.errors(9)));
    const found: number[] = [];
    for (const path of [BLOB, TAG, BLOB, BLOB]) found.push((await it.ask(path)).status);
    expect(found).toEqual([200, 200, 500, 200]);
  });

  test('can have several faults, of which the first that fits counts', async () => {
    await using it = await open(
      faults.several(faults.only({ path: /blobs/ }, faults.errors(9, 500)), faults.errors(9, 503)),
    );
    expect([(await it.ask(BLOB)).status, (await it.ask(TAG)).status]).toEqual([500, 503]);
  });
});
