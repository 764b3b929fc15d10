import { createServer } from 'node:http';
import { digestOf, referrersTag } from '@gantry/oci';
import { makeArtifact, makeBlob, makeImage, makeLayer, makeSbom } from './image-maker.ts';
import { createInProcessRegistry, type InProcessOptions } from './in-process-registry.ts';

const image = makeImage({
  platform: { os: 'linux', architecture: 'amd64' },
  layers: [makeLayer([{ path: '/a', content: 'a' }])],
});
const layer = image.blobs[1] ?? image;

async function open(options: InProcessOptions = {}) {
  const registry = createInProcessRegistry(options);
  registry.push('team/app', image, '1.0', 'latest');
  const server = await registry.listen();
  return {
    registry,
    get: (path: string, init: RequestInit = {}) => fetch(server.url + path, { redirect: 'manual', ...init }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const errorCode = async (response: Response) =>
  ((await response.json()) as { errors: { code: string }[] }).errors[0]?.code;

describe('content', () => {
  test('manifests are served by tag and by digest, HEAD as GET', async () => {
    await using it = await open();
    for (const reference of ['1.0', image.digest]) {
      for (const method of ['GET', 'HEAD']) {
        const response = await it.get(`/v2/team/app/manifests/${reference}`, { method });
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toBe(image.mediaType);
        expect(response.headers.get('docker-content-digest')).toBe(image.digest);
        expect(response.headers.get('content-length')).toBe(String(image.size));
        expect(await response.text()).toBe(method === 'GET' ? image.bytes.toString() : '');
      }
    }
  });

  test.each([
    [undefined, 200, 0, layer.size],
    ['bytes=0-', 206, 0, layer.size],
    ['bytes=3-4', 206, 3, 5],
    ['bytes=3-99999', 206, 3, layer.size],
    [`bytes=${layer.size}-`, 416, 0, 0],
    ['bytes=5-4', 416, 0, 0],
    ['bytes=-5', 200, 0, layer.size],
  ])('a blob with Range %s is answered %i', async (range, status, start, end) => {
    await using it = await open();
    const headers: Record<string, string> = range === undefined ? {} : { range };
    const response = await it.get(`/v2/team/app/blobs/${layer.digest}`, { headers });
    expect(response.status).toBe(status);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes.equals(layer.bytes.subarray(start, end))).toBe(true);
    const contentRange = {
      200: null,
      206: `bytes ${start}-${end - 1}/${layer.size}`,
      416: `bytes */${layer.size}`,
    };
    expect(response.headers.get('content-range')).toBe(contentRange[status as 200]);
  });

  test.each(['bytes=3-4', `bytes=${layer.size}-`])(
    'HEAD of a blob takes no Range, such as %s',
    async (range) => {
      await using it = await open();
      const target = `/v2/team/app/blobs/${layer.digest}`;
      const { status, headers } = await it.get(target, { method: 'HEAD', headers: { range } });
      expect([status, headers.get('content-length'), headers.get('content-range')]).toEqual([
        200,
        `${layer.size}`,
        null,
      ]);
    },
  );

  test('tags move and go, blobs go', async () => {
    await using it = await open();
    const { digest } = it.registry.putManifest('team/app', Buffer.from('{}'), 'text/plain');
    it.registry.putTag('team/app', '1.0', digest);
    expect(await (await it.get('/v2/team/app/manifests/1.0')).text()).toBe('{}');
    it.registry.deleteTag('team/app', '1.0');
    expect((await it.get('/v2/team/app/manifests/1.0')).status).toBe(404);
    it.registry.deleteBlob('team/app', layer.digest);
    expect((await it.get(`/v2/team/app/blobs/${layer.digest}`)).status).toBe(404);
  });

  test('manifests go with the tags that mean them, and are no referrers any more', async () => {
    await using it = await open();
    const sbom = makeSbom(image, 'one');
    it.registry.push('team/app', sbom, 'sbom');
    const referrers = async () => (await it.get(`/v2/team/app/referrers/${image.digest}`)).json();
    expect(await referrers()).toMatchObject({ manifests: [{ digest: sbom.digest }] });
    it.registry.deleteManifest('team/app', sbom.digest);
    it.registry.deleteManifest('team/none', sbom.digest);
    expect(await referrers()).toMatchObject({ manifests: [] });
    expect(await (await it.get('/v2/team/app/tags/list')).json()).toMatchObject({ tags: ['1.0', 'latest'] });
    expect((await it.get(`/v2/team/app/manifests/${sbom.digest}`)).status).toBe(404);
  });

  test.each([
    ['/v2/team/app/manifests/none', 404, 'MANIFEST_UNKNOWN'],
    [`/v2/team/app/blobs/${digestOf('none')}`, 404, 'BLOB_UNKNOWN'],
    ['/v2/team/none/tags/list', 404, 'NAME_UNKNOWN'],
    ['/v2/team/app/tags/list?n=x', 400, 'PAGINATION_NUMBER_INVALID'],
    ['/v2/team/app/referrers/latest', 400, 'DIGEST_INVALID'],
  ])('%s is answered %i %s', async (path, status, code) => {
    await using it = await open();
    const response = await it.get(path);
    expect([response.status, await errorCode(response)]).toEqual([status, code]);
  });

  test('nothing can be changed over HTTP', async () => {
    await using it = await open();
    const response = await it.get('/v2/team/app/blobs/uploads/', { method: 'POST' });
    expect([response.status, await errorCode(response)]).toEqual([405, 'UNSUPPORTED']);
    expect((await it.get('/v2/')).status).toBe(200);
    expect((await it.get('/v2/team/app/other/x')).status).toBe(404);
  });

  test('names outside the grammar can not be put', () => {
    const registry = createInProcessRegistry();
    expect(() => registry.putBlob('../x', Buffer.from(''))).toThrow('not a repository name');
    expect(() => registry.putTag('a', '../x', image.digest)).toThrow('not a tag');
  });
});

describe('lists', () => {
  test('come in pages by n and last, each naming the next', async () => {
    await using it = await open();
    for (const name of ['b', 'a/c', 'a/b']) it.registry.push(name, image, '1');
    const names: string[][] = [];
    let path: string | undefined = '/v2/_catalog?n=3';
    while (path !== undefined) {
      const response: Response = await it.get(path);
      names.push(((await response.json()) as { repositories: string[] }).repositories);
      path = /<(.+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(names).toEqual([['a/b', 'a/c', 'b'], ['team/app']]);
    const after = await it.get('/v2/team/app/tags/list?last=1.0');
    expect(await after.json()).toEqual({ name: 'team/app', tags: ['latest'] });
    expect(await (await it.get('/v2/team/app/tags/list?n=0')).json()).toEqual({ name: 'team/app', tags: [] });
  });

  test('of 50,000 tags are held and paged through', async () => {
    await using it = await open();
    const names = Array.from({ length: 50_000 }, (_, number) => `build-${number}`);
    it.registry.putTags('team/app', names, image.digest);
    const found: string[] = [];
    let path: string | undefined = '/v2/team/app/tags/list?n=1000';
    while (path !== undefined) {
      const response: Response = await it.get(path);
      found.push(...((await response.json()) as { tags: string[] }).tags);
      path = /<(.+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(found).toEqual(['1.0', ...names.toSorted(), 'latest'].toSorted());
    expect(it.registry.requests).toHaveLength(51);
  });
});

describe('referrers', () => {
  const sbom = makeSbom(image, 'one');
  const note = makeArtifact({ artifactType: 'a/note', layers: [makeBlob('a/b', 'x')], subject: image });

  test('are told by the API, all or of one artifact type', async () => {
    await using it = await open();
    for (const made of [sbom, note, sbom]) it.registry.push('team/app', made);
    const digests = async (query: string) => {
      const response = await it.get(`/v2/team/app/referrers/${image.digest}${query}`);
      const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
      return [response.headers.get('oci-filters-applied'), ...manifests.map(({ digest }) => digest)];
    };
    expect(await digests('')).toEqual([null, note.digest, sbom.digest]);
    expect(await digests('?artifactType=a/note')).toEqual(['artifactType', note.digest]);
    expect(await digests('?artifactType=none')).toEqual(['artifactType']);
  });

  test('stand under the fallback tag in a registry that has no API', async () => {
    await using it = await open({ referrersApi: false });
    for (const made of [sbom, note]) it.registry.push('team/app', made);
    expect((await it.get(`/v2/team/app/referrers/${image.digest}`)).status).toBe(404);
    const response = await it.get(`/v2/team/app/manifests/${referrersTag(image.digest)}`);
    const { manifests } = (await response.json()) as { manifests: object[] };
    expect(manifests).toMatchObject([
      { digest: sbom.digest, artifactType: 'application/spdx+json' },
      { digest: note.digest, artifactType: 'a/note' },
    ]);
  });
});

describe('who may read', () => {
  const user = { username: 'bot', password: 'hunter2' };
  const basic = { authorization: `Basic ${Buffer.from('bot:hunter2').toString('base64')}` };

  test('is by Basic the user', async () => {
    await using it = await open({ authentication: { basic: user } });
    const refused = await it.get('/v2/');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      401,
      'Basic realm="in-process registry"',
    ]);
    expect((await it.get('/v2/', { headers: basic })).status).toBe(200);
    const wrong = { authorization: basic.authorization.slice(0, -2) };
    expect((await it.get('/v2/', { headers: wrong })).status).toBe(401);
  });

  test('is by Bearer whoever has a token of the scope that has not run out', async () => {
    let now = 0;
    await using it = await open({
      authentication: { bearer: { credentials: user, ttlSeconds: 60 } },
      now: () => now,
    });
    const path = '/v2/team/app/manifests/1.0';
    const challenge = (await it.get(path)).headers.get('www-authenticate') ?? '';
    expect(challenge).toMatch(
      /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/token",service="in-process",scope="repository:team\/app:pull"$/,
    );
    expect((await it.get('/token?scope=repository:team/app:pull')).status).toBe(401);
    const given = await it.get('/token?scope=repository:team/app:pull', { headers: basic });
    const { token } = (await given.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    expect((await it.get(path, { headers })).status).toBe(200);
    expect((await it.get('/v2/', { headers })).status).toBe(200);
    expect((await it.get('/v2/_catalog', { headers })).status).toBe(401);
    now = 60_000;
    expect((await it.get(path, { headers })).status).toBe(401);
  });
});

describe('for tests', () => {
  test('requests are recorded with what they were answered', async () => {
    await using it = await open();
    await it.get('/v2/team/app/manifests/1.0?ns=x');
    await it.get('/v2/team/app/manifests/none', { method: 'HEAD' });
    expect(it.registry.requests).toEqual([
      { method: 'GET', path: '/v2/team/app/manifests/1.0?ns=x', status: 200 },
      { method: 'HEAD', path: '/v2/team/app/manifests/none', status: 404 },
    ]);
    it.registry.forgetRequests();
    expect(it.registry.requests).toEqual([]);
  });

  test('a hook can answer instead, or cut the connection', async () => {
    await using it = await open({
      intercept(request, response) {
        if (request.url === '/cut') request.socket.destroy();
        else if (request.url === '/teapot') response.writeHead(418).end();
        else return false;
        return true;
      },
    });
    expect((await it.get('/teapot')).status).toBe(418);
    await expect(it.get('/cut')).rejects.toThrow('fetch failed');
    expect((await it.get('/v2/')).status).toBe(200);
  });

  test('a port that is taken is an error, and the handler can be a part of another server', async () => {
    const registry = createInProcessRegistry();
    await using server = await registry.listen();
    await expect(registry.listen(server.port)).rejects.toThrow('EADDRINUSE');
    expect(createServer(registry.handler).listenerCount('request')).toBe(1);
  });
});
