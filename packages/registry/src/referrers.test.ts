import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { openRegistry } from './client.ts';
import { makeImage, makeLayer, makeSbom } from './in-process/image-maker.ts';
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
