import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf, MANIFEST_MAX_BYTES, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import type { Crane } from '../crane.ts';
import { startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import type { CraneOptions } from '../options.ts';
import { askPlain, LIST, SCHEMA_2, UNKNOWN, writeFiles } from './redirect-json.fixture.ts';

/** Content from a disk, as Pulp lays it: links to units elsewhere. */

const opened = new AsyncDisposableStack();
let base: string;

const image = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: SCHEMA_2, config: {} }));
const list = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: LIST, manifests: [] }));
const schema1 = Buffer.from(JSON.stringify({ schemaVersion: 1, signatures: [] }));
const ociIndex = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] }));
const blob = Buffer.from('0123456789'.repeat(100));

/** Manifests in the folder of schema 1, and the types that they come with. */
const TYPES = [
  ['unsigned', '{"schemaVersion":1}', 'application/vnd.docker.distribution.manifest.v1+json'],
  ['image', '{"schemaVersion":2,"layers":[]}', MANIFEST_MEDIA_TYPES['oci-manifest']],
  [
    'typed',
    `{"schemaVersion":2,"mediaType":"${MANIFEST_MEDIA_TYPES['oci-index']}"}`,
    MANIFEST_MEDIA_TYPES['oci-index'],
  ],
  ['other', '{"schemaVersion":2.5,"mediaType":"text/html"}', 'application/json'],
  ['nothing', 'null', 'application/json'],
  ['broken', '{', 'application/json'],
] as const;

beforeAll(async () => {
  base = opened.use(await temporaryFolder()).path;
  const put = async (place: string, bytes: Buffer) => {
    const file = path.join(base, place);
    const unit = path.join(base, 'units', digestOf(bytes).slice(7));
    await mkdir(path.dirname(file), { recursive: true });
    await mkdir(path.dirname(unit), { recursive: true });
    await writeFile(unit, bytes);
    await symlink(unit, file);
  };
  await writeFiles(base, {
    'data/zoo.json': {
      version: 4,
      repository: 'zoo',
      'repo-registry-id': 'redhat/zoo',
      url: 'http://cdn.example/zoo',
      schema2_data: ['v2', digestOf(image)],
      manifest_list_data: ['latest', digestOf(list)],
      manifest_list_amd64_tags: { latest: [digestOf(image), 2] },
    },
    'data/foo.json': {
      version: 1,
      repository: 'foo',
      'repo-registry-id': 'redhat/foo',
      url: 'http://cdn.example/foo',
      images: [{ id: 'abc123' }, { id: 'gone' }],
      tags: {},
    },
    'v1/foo/abc123/layer': 'a layer',
    'v1/foo/abc123/json': '{}',
    'v2/zoo/tags/list': '{"name":"redhat/zoo","tags":["latest"]}',
  });
  await put(`v2/zoo/manifests/2/${digestOf(image)}`, image);
  await put('v2/zoo/manifests/2/v2', image);
  await put('v2/zoo/manifests/list/latest', list);
  await put('v2/zoo/manifests/1/old', schema1);
  await put('v2/zoo/manifests/1/oci', ociIndex);
  for (const [name, text] of TYPES.map(([one, content]) => [one, content] as const))
    await put(`v2/zoo/manifests/1/${name}`, Buffer.from(text));
  await mkdir(path.join(base, 'v2/zoo/manifests/1/folder'));
  await put(`v2/zoo/manifests/1/${UNKNOWN}`, ociIndex);
  await put(`v2/zoo/blobs/${digestOf(blob)}`, blob);
});
afterAll(() => opened.disposeAsync());

async function start(
  by: 'file' | 'x-sendfile' | 'x-accel-redirect',
  more: Partial<CraneOptions> = {},
): Promise<Crane> {
  const content = { v1: path.join(base, 'v1'), v2: path.join(base, 'v2'), by, location: '/content/' };
  const redirectJson = { directories: [path.join(base, 'data')], cdn: {}, content };
  return opened.use(await startTestCrane({ redirectJson, ...more }));
}
const manifest = (id: string) => `/v2/redhat/zoo/manifests/${id}`;

test.each([
  ['latest', LIST, list, LIST],
  ['latest', SCHEMA_2, image, SCHEMA_2],
  ['v2', SCHEMA_2, image, SCHEMA_2],
  [digestOf(image), '*/*', image, SCHEMA_2],
  ['old', '*/*', schema1, 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
  ['oci', '*/*', ociIndex, MANIFEST_MEDIA_TYPES['oci-index']],
])('the manifest %s, of who accepts %s, comes with its digest and type', async (id, accept, bytes, type) => {
  const crane = await start('file');
  const answer = await askPlain(crane, manifest(id), { headers: { Accept: accept } });
  expect(answer).toMatchObject({
    status: 200,
    body: bytes.toString(),
    headers: {
      'content-type': type,
      'docker-content-digest': digestOf(bytes),
      etag: `"${digestOf(bytes)}"`,
      'docker-distribution-api-version': 'registry/2.0',
    },
  });
  const head = await askPlain(crane, manifest(id), { method: 'HEAD', headers: { Accept: accept } });
  expect([head.status, head.body, head.headers['content-length']]).toEqual([200, '', `${bytes.length}`]);
  const again = await askPlain(crane, manifest(id), {
    headers: { Accept: accept, 'If-None-Match': `"${digestOf(bytes)}"` },
  });
  expect(again.status).toBe(304);
});

test('what lies in the folder of schema 1 has the type that it says itself', async () => {
  const crane = await start('file');
  for (const [name, text, type] of TYPES) {
    const { body, headers } = await askPlain(crane, manifest(name));
    expect([name, body, headers['content-type']]).toEqual([name, text, type]);
  }
  expect((await askPlain(crane, manifest('folder'))).status).toBe(404);
});

test('a blob comes whole or in ranges; tags as they lie there', async () => {
  const crane = await start('file');
  const target = `/v2/redhat/zoo/blobs/${digestOf(blob)}`;
  const whole = await askPlain(crane, target);
  expect(whole).toMatchObject({
    status: 200,
    body: blob.toString(),
    headers: { 'content-type': 'application/octet-stream', etag: `"${digestOf(blob)}"` },
  });
  const part = await askPlain(crane, target, { headers: { Range: 'bytes=10-14' } });
  expect(part).toMatchObject({
    status: 206,
    body: '01234',
    headers: { 'content-range': 'bytes 10-14/1000' },
  });
  expect(await askPlain(crane, '/v2/redhat/zoo/tags/list')).toMatchObject({
    status: 200,
    body: '{"name":"redhat/zoo","tags":["latest"]}',
    headers: { 'content-type': 'application/json' },
  });
});

test.each(['file', 'x-sendfile', 'x-accel-redirect'] as const)(
  'by %s a tag is kept for moments, also where a manifest that a digest names is sent for it',
  async (by) => {
    for (const crane of [await start(by), await start(by, { compat: true })]) {
      const cachingOf = async (id: string, accept: string) => {
        const { headers } = await askPlain(crane, manifest(id), { headers: { Accept: accept } });
        return [headers['docker-content-digest'], headers['cache-control'], headers['vary']];
      };
      expect(await cachingOf('latest', SCHEMA_2)).toEqual([digestOf(image), 'public, max-age=10', 'Accept']);
      expect(await cachingOf(digestOf(image), SCHEMA_2)).toEqual([
        digestOf(image),
        'public, max-age=31536000, immutable',
        undefined,
      ]);
    }
  },
);

test('a manifest of a tag that is too large to be checked differs by Accept like any other', async () => {
  const large = path.join(base, 'v2/zoo/manifests/1/large');
  await writeFile(large, '');
  await truncate(large, MANIFEST_MAX_BYTES + 1);
  const { status, headers } = await askPlain(await start('file'), manifest('large'), { method: 'HEAD' });
  expect([status, headers['content-length'], headers['vary']]).toEqual([
    200,
    `${MANIFEST_MAX_BYTES + 1}`,
    'Accept',
  ]);
});

test('what is not there is unknown, and what is other bytes is not sent', async () => {
  const crane = await start('file');
  const code = async (target: string) => {
    const { status, body } = await askPlain(crane, target);
    return [status, (JSON.parse(body) as { errors: { code: string }[] }).errors[0]?.code];
  };
  expect(await code(manifest('none'))).toEqual([404, 'MANIFEST_UNKNOWN']);
  expect(await code(`/v2/redhat/zoo/blobs/${UNKNOWN}`)).toEqual([404, 'BLOB_UNKNOWN']);
  expect(await code(manifest(UNKNOWN))).toEqual([503, 'UNAVAILABLE']);
});

test('the original’s types are those of the folder', async () => {
  const crane = await start('file', { compat: true });
  expect((await askPlain(crane, manifest('old'))).headers['content-type']).toBe('application/json');
  expect(await askPlain(crane, manifest('none'))).toMatchObject({
    status: 404,
    body: '{"errors":[{"code":"404","message":"Not Found"}]}',
  });
  for (const target of [manifest('%00'), '/v2/redhat/zoo/blobs/%2e%2e/%2e%2e/%2e%2e/data/zoo.json'])
    expect((await askPlain(crane, target)).status).toBe(404);
});

test('images of the API of before', async () => {
  const crane = await start('file');
  expect(await askPlain(crane, '/v1/images/abc123/layer')).toMatchObject({
    status: 200,
    body: 'a layer',
    headers: { 'content-type': 'application/octet-stream', 'x-docker-registry-version': '0.6.6' },
  });
  expect(await askPlain(crane, '/v1/images/gone/layer')).toMatchObject({ status: 404, body: 'Not Found' });
});

test.each([
  ['x-sendfile', 'x-sendfile', (): string => path.join(base, 'v2')],
  ['x-accel-redirect', 'x-accel-redirect', (): string => '/content/v2'],
] as const)('by %s the web server in front is told the file', async (by, header, root) => {
  const crane = await start(by);
  const target = `/v2/redhat/zoo/blobs/${digestOf(blob)}`;
  const answer = await askPlain(crane, target);
  expect(answer).toMatchObject({
    status: 200,
    body: '',
    headers: {
      [header]: `${root()}/zoo/blobs/${digestOf(blob)}`,
      'content-type': 'application/octet-stream',
      'docker-content-digest': digestOf(blob),
    },
  });
  const tagged = await askPlain(crane, manifest('latest'), { headers: { Accept: LIST } });
  expect(tagged.headers).toMatchObject({
    [header]: `${root()}/zoo/manifests/list/latest`,
    'content-type': LIST,
    vary: 'Accept',
  });
  for (const other of [target, manifest(digestOf(image)), '/v2/redhat/zoo/tags/list'])
    expect((await askPlain(crane, other)).headers).not.toHaveProperty('vary');
  expect((await askPlain(crane, manifest('none'))).status).toBe(404);
});
