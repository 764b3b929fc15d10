import type { RequestListener } from 'node:http';
import { digestOf, MANIFEST_MAX_BYTES, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { openRegistry } from './client.ts';
import { makeImage, makeLayer } from './in-process/image-maker.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import { caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const TYPE = MANIFEST_MEDIA_TYPES['oci-manifest'];
const image = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: '/a', content: 'a' }])],
});
const other = digestOf('other');
const client = (url: string) => openRegistry({ name: 'builds', url, clock: instantClock() });

/** A registry that answers everything with `bytes`, HEAD without them. */
function always(
  bytes: Uint8Array,
  headers: Record<string, string | string[]>,
  headStatus = 200,
): RequestListener {
  return (request, response) => {
    response.writeHead(request.method === 'HEAD' ? headStatus : 200, { 'content-type': TYPE, ...headers });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  };
}

describe('head', () => {
  const registry = createInProcessRegistry();
  registry.push('team/app', image, '1');

  test('tells digest, type and size by one HEAD, of a tag as of a digest', async () => {
    await using server = await registry.listen();
    await using upstream = client(server.url);
    registry.forgetRequests();
    for (const reference of ['1', image.digest]) {
      expect(await upstream.head('team/app', reference)).toEqual({
        digest: image.digest,
        mediaType: TYPE,
        size: image.size,
      });
    }
    expect(registry.requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
  });

  test('uses connections again', async () => {
    const sockets = new Set<unknown>();
    await using server = await serve((request, response) => {
      sockets.add(request.socket);
      registry.handler(request, response);
    });
    await using upstream = client(server.url);
    for (let count = 0; count < 10; count++) await upstream.head('team/app', '1');
    expect(sockets.size).toBeLessThanOrEqual(2);
  });

  test('knows nothing of a tag or repository that is not there', async () => {
    await using server = await registry.listen();
    await using upstream = client(server.url);
    expect(await upstream.head('team/app', '2')).toBeUndefined();
    expect(await upstream.head('team/none', '1')).toBeUndefined();
  });

  test.each([
    ['names no digest', { 'content-length': String(image.size) }, 200],
    ['names what is no digest', { 'docker-content-digest': 'md5:abc', 'content-length': '1' }, 200],
    ['names two digests', { 'docker-content-digest': [image.digest, other], 'content-length': '1' }, 200],
    ['tells no length', { 'docker-content-digest': image.digest, 'transfer-encoding': 'chunked' }, 200],
    ['has no HEAD', {}, 405],
  ])('fetches and hashes the manifest of a registry that %s', async (_, headers, headStatus) => {
    await using server = await serve((request, response) => {
      const sent: Record<string, string | string[]> = request.method === 'HEAD' ? headers : {};
      always(image.bytes, sent, headStatus)(request, response);
    });
    await using upstream = client(server.url);
    expect(await upstream.head('team/app', '1')).toEqual({
      digest: image.digest,
      mediaType: TYPE,
      size: image.size,
    });
    expect(server.seen.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });

  test('refuses another digest than the one that was asked for', async () => {
    const headers = { 'docker-content-digest': other, 'content-length': '5' };
    await using server = await serve(always(image.bytes, headers));
    await using upstream = client(server.url);
    const fault = await caught(upstream.head('team/app', image.digest));
    expect([fault.code, fault.details['digest']]).toEqual(['DIGEST_INVALID', image.digest]);
  });

  test.each([
    ['Team/App', '1', 'NAME_INVALID'],
    ['../../etc', '1', 'NAME_INVALID'],
    ['team/app', '../x', 'TAG_INVALID'],
    ['team/app', 'sha256:../../x', 'DIGEST_INVALID'],
    ['team/app', 'md5:abc', 'DIGEST_INVALID'],
  ])('asks nobody about %s and %s', async (repository, reference, code) => {
    await using upstream = client('http://127.0.0.1:9');
    expect((await caught(upstream.head(repository, reference))).code).toBe(code);
    expect((await caught(upstream.manifest(repository, reference))).code).toBe(code);
  });
});

describe('manifest', () => {
  test('gives the bytes as they came, by tag and by digest', async () => {
    const registry = createInProcessRegistry();
    const odd = Buffer.from(' {"not": "a manifest"}\n');
    const { digest } = registry.putManifest('team/app', odd, 'text/plain; charset=utf-8', '1');
    await using server = await registry.listen();
    await using upstream = client(server.url);
    for (const reference of ['1', digest]) {
      const found = await upstream.manifest('team/app', reference);
      expect(found).toEqual({ bytes: odd, contentType: 'text/plain; charset=utf-8', digest });
    }
  });

  test('asks for every kind of manifest that is carried', async () => {
    await using server = await serve(always(image.bytes, {}));
    await using upstream = client(server.url);
    await upstream.manifest('team/app', '1');
    for (const type of Object.values(MANIFEST_MEDIA_TYPES)) {
      expect(server.seen[0]?.headers.accept).toContain(type);
    }
    expect(server.seen[0]?.headers['accept-encoding']).toBeUndefined();
  });

  test('keeps a digest of another algorithm', async () => {
    const digest = digestOf(image.bytes, 'sha512');
    await using server = await serve(always(image.bytes, { 'docker-content-digest': digest }));
    await using upstream = client(server.url);
    expect((await upstream.manifest('team/app', '1')).digest).toBe(digest);
    expect((await upstream.manifest('team/app', digest)).digest).toBe(digest);
    expect((await upstream.manifest('team/app', image.digest)).digest).toBe(image.digest);
  });

  test.each([
    ['with a digest that its bytes do not have', '1', { 'docker-content-digest': other }],
    ['whose bytes are not those of the digest asked for', other, {}],
    ['that is right, and named wrongly', image.digest, { 'docker-content-digest': other }],
  ])('refuses a manifest %s', async (_, reference, headers: Record<string, string>) => {
    await using server = await serve(always(image.bytes, headers));
    await using upstream = client(server.url);
    const fault = await caught(upstream.manifest('team/app', reference));
    expect(fault.code).toBe('DIGEST_INVALID');
    expect(fault.message).toContain('team/app');
    expect(fault.message).toContain(other);
    expect(server.seen).toHaveLength(1);
  });

  test('takes 4 MiB and refuses one byte more, with a length or without', async () => {
    for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
      for (const more of [0, 1]) {
        const bytes = Buffer.alloc(MANIFEST_MAX_BYTES + more, ' ');
        await using server = await serve(always(bytes, headers));
        await using upstream = client(server.url);
        const [result] = await Promise.allSettled([upstream.manifest('team/app', '1')]);
        expect(result).toMatchObject(
          more === 0
            ? { value: { digest: digestOf(bytes) } }
            : { reason: { code: 'MANIFEST_INVALID', details: { repository: 'team/app', reference: '1' } } },
        );
      }
    }
  });

  test('stops reading a body that has no end', async () => {
    let sent = 0;
    await using server = await serve((_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
        sent += 65_536;
      };
      response.on('drain', more);
      more();
    });
    await using upstream = client(server.url);
    expect((await caught(upstream.manifest('team/app', '1'))).code).toBe('MANIFEST_INVALID');
    expect(sent).toBeLessThan(4 * MANIFEST_MAX_BYTES);
  });

  test('refuses bytes that were encoded on their way', async () => {
    await using server = await serve(always(image.bytes, { 'content-encoding': 'gzip' }));
    await using upstream = client(server.url);
    const fault = await caught(upstream.manifest('team/app', '1'));
    expect(fault.code).toBe('SOURCE_FAILED');
    expect(fault.message).toContain('Content-Encoding "gzip"');
    await using plain = await serve(always(image.bytes, { 'content-encoding': 'identity' }));
    await using second = client(plain.url);
    expect((await second.manifest('team/app', '1')).digest).toBe(image.digest);
  });

  test.each([
    ['{"errors":[{"code":"NAME_UNKNOWN","message":"m"}]}', 'NAME_UNKNOWN'],
    ['{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', 'MANIFEST_UNKNOWN'],
    ['{"errors":[{"code":"BLOB_UNKNOWN"}]}', 'MANIFEST_UNKNOWN'],
    ['{"errors":[]}', 'MANIFEST_UNKNOWN'],
    ['{"errors":"x"}', 'MANIFEST_UNKNOWN'],
    ['[null]', 'MANIFEST_UNKNOWN'],
    ['null', 'MANIFEST_UNKNOWN'],
    ['<html>', 'MANIFEST_UNKNOWN'],
    ['x'.repeat(70_000), 'MANIFEST_UNKNOWN'],
  ])('404 with %j is %s', async (body, code) => {
    await using server = await serve((_, response) => void response.writeHead(404).end(body));
    await using upstream = client(server.url);
    const fault = await caught(upstream.manifest('team/app', '1'));
    expect([fault.code, fault.details['status']]).toEqual([code, 404]);
    expect(fault.message.length).toBeLessThan(400);
  });
});
