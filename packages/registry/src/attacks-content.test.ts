import { type Digest, digestOf, MANIFEST_MAX_BYTES, parseManifest } from '@gantry/oci';
import { openRegistry } from './client.ts';
import * as faults from './in-process/faults.ts';
import { makeIndex, makeManifest } from './in-process/image-maker.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process/in-process-registry.ts';
import type { RegistryOptions } from './options.ts';
import type { Registry } from './registry.ts';
import { all, bytesOf, caught } from './testing/caught.ts';
import { CALLS, image, layer } from './testing/hostile.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

/** What a hostile registry sends, by the security reference: nothing is taken for what it is not. */

const openClient = (url: string, options: Partial<RegistryOptions> = {}) =>
  openRegistry({ name: 'builds', url, clock: instantClock(), environment: {}, ...options });

async function open(upstream: InProcessOptions = {}) {
  const registry = createInProcessRegistry(upstream);
  registry.push('team/app', image, '1');
  const server = await registry.listen();
  const client = openClient(server.url);
  return {
    registry,
    client,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const TRAVERSALS = [
  '..',
  '../x',
  '../../etc/passwd',
  'a/../b',
  'a/..',
  '..%2fx',
  '%2e%2e',
  '%252e%252e',
  'a\\..\\b',
  'a\0b',
  'a//b',
  '/a',
  'a/',
  '.',
  './a',
  'a.',
  'A/b',
  'a b',
  'a\r\nb',
  'ａ',
  '‥/a',
  'x'.repeat(256),
  '',
];

describe('row 1: traversal', () => {
  test.each(TRAVERSALS)('in a repository’s name (%j) is asked of nobody', async (name) => {
    await using server = await serve((_, response) => void response.end());
    await using client = openClient(server.url);
    const calls: ((registry: Registry) => Promise<unknown>)[] = [
      (registry) => registry.head(name, '1'),
      (registry) => registry.manifest(name, '1'),
      (registry) => registry.blob(name, layer.digest),
      (registry) => registry.referrers(name, layer.digest),
      async (registry) => all(registry.tags(name)),
    ];
    for (const call of calls) expect((await caught(call(client))).code).toBe('NAME_INVALID');
    expect(server.seen).toEqual([]);
  });

  test.each(['../x', '..%2fx', '.hidden', '-x', 'a/b', 'a b', 'a\r\nb', 'a\0', 'x'.repeat(129), '', 'ａ'])(
    'in a tag (%j) is asked of nobody',
    async (tag) => {
      await using server = await serve((_, response) => void response.end());
      await using client = openClient(server.url);
      expect((await caught(client.head('team/app', tag))).code).toBe('TAG_INVALID');
      expect((await caught(client.manifest('team/app', tag))).code).toBe('TAG_INVALID');
      expect(server.seen).toEqual([]);
    },
  );

  test('in the lists of a registry is left out and told of', async () => {
    const bad = [...TRAVERSALS, 'a@b', 'a:b'];
    await using server = await serve((_, response) => {
      response.end(JSON.stringify({ repositories: ['ok', ...bad], tags: ['ok', ...bad] }));
    });
    await using client = openClient(server.url);
    const refused: string[] = [];
    const onRefused = (name: string) => refused.push(name);
    expect(await all(client.repositories({ onRefused }))).toEqual(['ok']);
    expect(refused).toEqual(bad);
    // As a tag, a dot at the end is just a dot.
    expect(await all(client.tags('team/app', { onRefused }))).toEqual(['ok', 'a.']);
  });
});

const WRONG_DIGESTS = [
  `md5:${'a'.repeat(32)}`,
  `sha1:${'a'.repeat(40)}`,
  `sha256+b64u:${'a'.repeat(43)}`,
  `sha256:${'A'.repeat(64)}`,
  `SHA256:${'a'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
  `sha256:${'a'.repeat(65)}`,
  `sha512:${'a'.repeat(64)}`,
  `sha256:../../../${'a'.repeat(55)}`,
  'sha256:',
  ':',
];

describe('row 9: content that is not what its name says', () => {
  test.each([
    ['wrong bytes', faults.wrongBytes()],
    ['short', faults.shorter()],
    ['short, without a Content-Length', faults.shorter(1, 'chunked')],
    ['long', faults.longer()],
    ['long, without a Content-Length', faults.longer(1, 'chunked')],
    ['empty', faults.shorter(10_000_000)],
  ])('is refused as a manifest: %s', async (_, fault) => {
    await using it = await open({ intercept: fault });
    for (const reference of [image.digest, '1']) {
      // Of a tag, the registry named the digest itself.
      const found = await caught(it.client.manifest('team/app', reference));
      expect(found.code).toBe('DIGEST_INVALID');
    }
  });

  test.each([
    ['short', faults.shorter()],
    ['short, without a Content-Length', faults.shorter(1, 'chunked')],
    ['long', faults.longer()],
    ['long, without a Content-Length', faults.longer(1, 'chunked')],
    ['empty', faults.shorter(10_000_000)],
    ['without an end', faults.endless()],
    ['with a Content-Length that is too large', faults.wrongLength(1)],
    ['with a Content-Length that is too small', faults.wrongLength(-1)],
    ['encoded', faults.withHeaders({ 'content-encoding': 'gzip' })],
    ['another digest', faults.withHeaders({ 'docker-content-digest': digestOf('other') })],
  ])('is refused as a blob whose size is known: %s', async (_, fault) => {
    await using it = await open({ intercept: fault });
    const read = async () => {
      const { size } = layer;
      return bytesOf((await it.client.blob('team/app', layer.digest, 0, { size })).body);
    };
    const { code } = await caught(read());
    expect(['SIZE_INVALID', 'SOURCE_UNREACHABLE', 'SOURCE_FAILED', 'DIGEST_INVALID']).toContain(code);
  });

  test('is refused as a manifest that HEAD names by another digest than the one asked for', async () => {
    await using server = await serve((_, response) => {
      const headers = { 'docker-content-digest': digestOf('other'), 'content-type': 'x/y' };
      response.writeHead(200, { ...headers, 'content-length': 5 }).end();
    });
    await using client = openClient(server.url);
    expect((await caught(client.head('team/app', image.digest))).code).toBe('DIGEST_INVALID');
  });
});

describe('row 10: a digest', () => {
  test.each(WRONG_DIGESTS)('of another kind (%s) is asked of nobody', async (digest) => {
    await using server = await serve((_, response) => void response.end());
    await using client = openClient(server.url);
    for (const call of [
      client.head('team/app', digest),
      client.manifest('team/app', digest),
      client.blob('team/app', digest as Digest),
      client.referrers('team/app', digest as Digest),
    ]) {
      expect((await caught(call)).code).toBe('DIGEST_INVALID');
    }
    expect(server.seen).toEqual([]);
  });

  test.each(WRONG_DIGESTS)('of another kind (%s) that a registry names is not believed', async (named) => {
    await using server = await serve((_, response) => {
      response.writeHead(200, {
        'docker-content-digest': named,
        'content-type': image.mediaType,
        'content-length': image.size,
      });
      response.end(image.bytes);
    });
    await using client = openClient(server.url);
    expect(await client.head('team/app', '1')).toMatchObject({ digest: image.digest });
    expect(await client.manifest('team/app', '1')).toMatchObject({ digest: image.digest });
    expect(server.seen.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'GET']);
  });

  test('by sha512 is checked in full', async () => {
    const long = digestOf(image.bytes, 'sha512');
    let named: string = long;
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'docker-content-digest': named, 'content-type': image.mediaType });
      response.end(image.bytes);
    });
    await using client = openClient(server.url);
    expect(await client.manifest('team/app', long)).toMatchObject({ digest: long });
    expect(await client.manifest('team/app', '1')).toMatchObject({ digest: long });
    const almost = `${long.slice(0, -1)}${long.endsWith('0') ? '1' : '0'}` as Digest;
    expect((await caught(client.manifest('team/app', almost))).code).toBe('DIGEST_INVALID');
    named = almost;
    expect((await caught(client.manifest('team/app', '1'))).code).toBe('DIGEST_INVALID');
  });
});

describe('row 11: too much', () => {
  test('of a manifest is refused: 4 MiB is taken, a byte more and no end are not', async () => {
    const most = Buffer.alloc(MANIFEST_MAX_BYTES, ' ');
    await using it = await open();
    const { digest } = it.registry.putManifest('team/app', most, image.mediaType, 'most');
    it.registry.putManifest('team/app', Buffer.alloc(most.length + 1, ' '), image.mediaType, 'more');
    expect(await it.client.manifest('team/app', 'most')).toMatchObject({ digest });
    expect((await caught(it.client.manifest('team/app', 'more'))).code).toBe('MANIFEST_INVALID');
    await using endless = await open({ intercept: faults.endless() });
    expect((await caught(endless.client.manifest('team/app', '1'))).code).toBe('MANIFEST_INVALID');
  });

  test.each(CALLS.filter(([name]) => name !== 'HEAD of a manifest' && !name.includes('blob')))(
    'as a %s without an end is refused',
    async (_, call) => {
      await using server = await serve((__, response) => {
        response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' });
        const chunk = Buffer.alloc(1_000_000, ' ');
        const more = () => {
          while (!response.destroyed && response.write(chunk));
        };
        response.on('drain', more);
        more();
      });
      await using client = openClient(server.url);
      expect((await caught(call(client))).message).toMatch(/more than \d+ bytes/);
    },
  );

  test.each(CALLS)('of nesting is refused as a %s, or as an error of one', async (name, call) => {
    const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
    const outcomes: string[] = [];
    for (const status of [200, 400]) {
      await using server = await serve((_, response) => {
        response.writeHead(status, { 'content-type': 'application/vnd.oci.image.index.v1+json' }).end(deep);
      });
      await using client = openClient(server.url);
      const handedOn = call(client).then(() => 'handed on');
      outcomes.push(await handedOn.catch((error: { code: string }) => error.code));
    }
    // A blob's bytes and a manifest's are for others to judge.
    const isList = name.startsWith('list') || name === 'catalogue';
    expect(outcomes).toEqual([isList ? 'SOURCE_FAILED' : 'handed on', 'SOURCE_FAILED']);
  });
});

describe('row 13: a manifest of two meanings', () => {
  const { mediaType } = image;
  const body = JSON.parse(image.bytes.toString()) as Record<string, unknown>;
  const index = makeIndex([image]);
  const text = image.bytes.toString();

  test.each([
    ['layers beside manifests', makeManifest(mediaType, { ...body, manifests: [] }).bytes, mediaType],
    [
      'a config in an index',
      Buffer.from(index.bytes.toString().replace('{', '{"config":{},')),
      index.mediaType,
    ],
    ['another Content-Type', image.bytes, index.mediaType],
    ['a member twice', Buffer.from(text.replace('{', '{"layers":[],')), mediaType],
    ['a byte order mark', Buffer.from(`\uFEFF${text}`), mediaType],
    [
      'bytes that are not UTF-8',
      Buffer.concat([image.bytes.subarray(0, -1), Buffer.from([0xff, 0x7d])]),
      mediaType,
    ],
    ['NaN', Buffer.from(text.replace(/"size":\d+/, '"size":NaN')), mediaType],
    ['a size below zero', Buffer.from(text.replace(/"size":\d+/, '"size":-1')), mediaType],
    [
      'a size that no number holds',
      Buffer.from(text.replace(/"size":\d+/, '"size":9007199254740993')),
      mediaType,
    ],
  ])('(%s) comes with its bytes and type as they are, and is refused by them', async (_, bytes, type) => {
    await using it = await open();
    const { digest } = it.registry.putManifest('team/app', bytes, type, 'odd');
    const found = await it.client.manifest('team/app', 'odd');
    expect([found.bytes.equals(bytes), found.contentType, found.digest]).toEqual([true, type, digest]);
    expect(() => parseManifest(found.bytes, found.contentType, found.digest)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID' }),
    );
  });
});

describe('row 14: a Content-Encoding', () => {
  test.each(CALLS.filter(([name]) => name !== 'HEAD of a manifest'))(
    'of a %s is never undone',
    async (_, call) => {
      for (const encoding of ['gzip', 'zstd', Array.from({ length: 1000 }, () => 'gzip').join(', ')]) {
        await using server = await serve((request, response) => {
          response.writeHead(request.headers.range === undefined ? 200 : 206, {
            'content-encoding': encoding,
            'content-range': 'bytes 10-19/20',
            'content-type': 'application/vnd.oci.image.index.v1+json',
          });
          response.end(Buffer.from('1f8b08000000000002034b4c4a4e494d4b4f010068b1ba6d08000000', 'hex'));
        });
        await using client = openClient(server.url);
        expect((await caught(call(client))).code).toBe('SOURCE_FAILED');
        expect(server.seen[0]?.headers['accept-encoding']).toBeUndefined();
      }
    },
  );
});

describe('row 16: a tag that moves', () => {
  const other = makeManifest(image.mediaType, { other: true });

  test.each(['1', 'latest'])('(%s) between HEAD and GET is had as it was, or not at all', async (tag) => {
    const it: Awaited<ReturnType<typeof open>> = await open({
      intercept: faults.several(
        faults.movesAfterHead(() => it.registry, 'team/app', tag, other.digest),
        faults.goesAfterHead(() => it.registry, 'team/app', image.digest, image.digest),
      ),
    });
    await using _ = it;
    it.registry.putTag('team/app', tag, image.digest);
    it.registry.push('team/app', other);
    const head = await it.client.head('team/app', tag);
    expect(head?.digest).toBe(image.digest);
    const found = await it.client.manifest('team/app', image.digest);
    expect([found.digest, found.bytes.equals(image.bytes)]).toEqual([image.digest, true]);
    expect((await it.client.head('team/app', tag))?.digest).toBe(other.digest);
    // Now it goes, once it has been told of.
    expect((await it.client.head('team/app', image.digest))?.digest).toBe(image.digest);
    expect((await caught(it.client.manifest('team/app', image.digest))).code).toBe('MANIFEST_UNKNOWN');
  });
});
