import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { openRegistry } from './client.ts';
import { makeArtifact, makeBlob, makeImage, makeLayer, makeSbom } from './in-process/image-maker.ts';
import { createInProcessRegistry } from './in-process/in-process-registry.ts';
import { caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';
import { serve } from './testing/serve.ts';

const image = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: '/a', content: 'a' }])],
});
const sboms = ['one', 'two'].map((name) => makeSbom(image, name));
const INDEX = { 'content-type': MANIFEST_MEDIA_TYPES['oci-index'] };

function filled(referrersApi: boolean) {
  const registry = createInProcessRegistry({ referrersApi });
  registry.push('team/app', image, '1');
  for (const sbom of sboms) registry.push('team/app', sbom);
  return registry;
}

describe('referrers', () => {
  test('are told with type, annotations and artifact type; none is an empty list', async () => {
    await using server = await serve(filled(true).handler);
    await using client = openRegistry({ name: 'builds', url: server.url });
    const found = await client.referrers('team/app', image.digest);
    expect(found).toEqual(
      sboms.map(({ digest, size }) => ({
        mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
        digest,
        size,
        artifactType: 'application/spdx+json',
        annotations: { 'org.opencontainers.image.created': '2026-01-01T00:00:00Z' },
      })),
    );
    expect(await client.referrers('team/app', digestOf('nothing refers to this'))).toEqual([]);
  });

  test('come page by page', async () => {
    const descriptors = ['a', 'b'].map((name) => ({ mediaType: 't', digest: digestOf(name), size: 1 }));
    await using server = await serve((request, response) => {
      const isFirst = request.url?.includes('page=2') !== true;
      response.writeHead(200, isFirst ? { ...INDEX, link: '<?page=2>; rel="next"' } : INDEX);
      response.end(JSON.stringify({ manifests: [descriptors[isFirst ? 0 : 1]] }));
    });
    await using client = openRegistry({ name: 'builds', url: server.url });
    expect(await client.referrers('team/app', image.digest)).toEqual(descriptors);
  });

  test('of one artifact type are asked for by it, and chosen here where the registry does not filter', async () => {
    const registry = filled(true);
    const note = makeArtifact({ artifactType: 'a/note+x', layers: [makeBlob('a/b', 'x')], subject: image });
    registry.push('team/app', note);
    const paths: (string | undefined)[] = [];
    await using server = await serve((request, response) => {
      paths.push(request.url);
      registry.handler(request, response);
    });
    await using plain = await serve((request, response) => {
      request.url = request.url?.split('?')[0] ?? '';
      registry.handler(request, response);
    });
    for (const { url } of [server, plain]) {
      await using client = openRegistry({ name: 'builds', url });
      const find = async (artifactType: string) =>
        (await client.referrers('team/app', image.digest, { artifactType }))?.map(({ digest }) => digest);
      expect(await find('a/note+x')).toEqual([note.digest]);
      expect(await find('application/spdx+json')).toEqual(sboms.map(({ digest }) => digest));
      expect(await find('a/none')).toEqual([]);
    }
    expect(paths[0]).toBe(`/v2/team/app/referrers/${image.digest}?artifactType=a%2Fnote%2Bx`);
  });

  test.each(['NAME_UNKNOWN', 'MANIFEST_UNKNOWN'])(
    'answered 404 with %s are not here, which says nothing of others',
    async (code) => {
      const registry = filled(true);
      await using server = await serve((request, response) => {
        if (!request.url?.includes('/other/')) return registry.handler(request, response);
        response.writeHead(404).end(JSON.stringify({ errors: [{ code }] }));
      });
      await using client = openRegistry({ name: 'builds', url: server.url });
      expect(await client.referrers('team/other/app', image.digest)).toBeUndefined();
      expect(await client.referrers('team/other/app', image.digest)).toBeUndefined();
      expect(await client.referrers('team/app', image.digest)).toHaveLength(2);
      expect(server.seen).toHaveLength(3);
    },
  );

  test('of a registry that lost the API are undefined, and asked for again after an hour', async () => {
    const clock = instantClock();
    const registry = filled(true);
    let isLost = false;
    await using server = await serve((request, response) => {
      if (isLost) response.writeHead(404).end('404 page not found');
      else registry.handler(request, response);
    });
    await using client = openRegistry({ name: 'builds', url: server.url, clock });
    const ask = () => client.referrers('team/app', image.digest);
    expect(await ask()).toHaveLength(2);
    isLost = true;
    expect([await ask(), await ask(), server.seen.length]).toEqual([undefined, undefined, 2]);
    isLost = false;
    clock.advance(3_600_000);
    expect(await ask()).toHaveLength(2);
  });

  test('whose second page is not there are a fault, and no shorter list', async () => {
    await using server = await serve((request, response) => {
      if (request.url?.includes('page=2') === true) response.writeHead(404).end();
      else response.writeHead(200, { ...INDEX, link: '<?page=2>; rel="next"' }).end('{"manifests":[]}');
    });
    await using client = openRegistry({ name: 'builds', url: server.url });
    const fault = await caught(client.referrers('team/app', image.digest));
    expect([fault.code, fault.message.includes('breaks off')]).toEqual(['SOURCE_FAILED', true]);
  });

  test.each([
    ['entries', 100, 'more than 100000 entries'],
    ['bytes', 3_000_000, 'more than 67108864 bytes'],
  ])('that have too many %s in all their pages are refused', async (_, padding, words) => {
    const annotations = { a: 'x'.repeat(padding) };
    const descriptor = { mediaType: 't', digest: digestOf('a'), size: 1, annotations };
    const count = Math.min(Math.floor(4_000_000 / (padding + 200)), 10_001);
    const page = JSON.stringify({ manifests: Array.from({ length: count }, () => descriptor) });
    let pages = 0;
    await using server = await serve((__, response) => {
      response.writeHead(200, { ...INDEX, link: `<?page=${++pages}>; rel="next"` }).end(page);
    });
    await using client = openRegistry({ name: 'builds', url: server.url });
    const fault = await caught(client.referrers('team/app', image.digest));
    expect([fault.code, fault.message.includes(words)]).toEqual(['SOURCE_FAILED', true]);
    expect(pages).toBeLessThan(30);
  });

  test('of a registry without the API are undefined, which is asked once an hour', async () => {
    const registry = filled(false);
    const clock = instantClock();
    await using server = await registry.listen();
    await using client = openRegistry({ name: 'builds', url: server.url, clock });
    const ask = () => client.referrers('team/app', image.digest);
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([undefined, undefined, undefined]);
    expect(await ask()).toBeUndefined();
    expect(registry.requests).toHaveLength(1);
    clock.advance(3_600_000);
    expect(await ask()).toBeUndefined();
    expect(registry.requests).toHaveLength(2);
  });

  test.each([
    ['another type', 200, { 'content-type': 'text/html' }],
    ['no type', 200, {}],
    ['405', 405, {}],
  ])('answered with %s are no API', async (_, status, headers) => {
    await using server = await serve(
      (__, response) => void response.writeHead(status, headers).end('<html>'),
    );
    await using client = openRegistry({ name: 'builds', url: server.url });
    expect(await client.referrers('team/app', image.digest)).toBeUndefined();
  });

  test('that fail are a fault, and never taken for no API', async () => {
    let status = 503;
    const registry = filled(true);
    await using server = await serve((request, response) => {
      if (status === 200) registry.handler(request, response);
      else response.writeHead(status).end();
    });
    await using client = openRegistry({ name: 'builds', url: server.url, clock: instantClock() });
    expect((await caught(client.referrers('team/app', image.digest))).code).toBe('SOURCE_FAILED');
    status = 403;
    expect((await caught(client.referrers('team/app', image.digest))).code).toBe('SOURCE_REFUSED');
    status = 200;
    expect(await client.referrers('team/app', image.digest)).toHaveLength(2);
  });

  test.each([
    ['{"manifests":{}}', 'has no manifests'],
    ['{}', 'has no manifests'],
    ['null', 'has no manifests'],
    ['{"manifests":[],"manifests":[]}', 'can not be read'],
    ['{"manifests":[{"mediaType":"t","digest":"sha256:../x","size":1}]}', 'no descriptor'],
    [' '.repeat(4 * 1024 * 1024 + 1), 'more than'],
  ])('that are %.40s are refused', async (body, words) => {
    await using server = await serve((_, response) => void response.writeHead(200, INDEX).end(body));
    await using client = openRegistry({ name: 'builds', url: server.url });
    const fault = await caught(client.referrers('team/app', image.digest));
    expect(fault.code).toBe('SOURCE_FAILED');
    expect(fault.message).toContain(words);
    expect(fault.message).toContain(image.digest);
  });
});
