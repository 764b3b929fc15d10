import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startCrane } from '@gantry/app-crane';
import { helloImage } from '../fixtures/build-registry.ts';
import { shownInDocs } from '../fixtures/shown-in-docs.ts';
import { startApache } from '../servers/apache.ts';
import { freePort } from '../servers/free-port.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import type { ServerProcess } from '../servers/process.ts';
import { attempt } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** Content from a disk, sent by nginx or Apache in front of the crane, as docs/redirect-json.md says to set them up. */

const NAME = 'redhat/zoo';
const PRIVATE = 'corp/zoo';
/** `htpasswd -nbB -C 4 alice right` */
const HTPASSWD = 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n';
const IMAGE = helloImage('content', { format: 'docker' });
const SCHEMA_1 = '{"schemaVersion":1}';
const BLOB = IMAGE.blobs.at(-1) as (typeof IMAGE.blobs)[number];
const BLOB_PATH = `/v2/${NAME}/blobs/${BLOB.digest}`;

let folder: TemporaryFolder;
const at = (...names: string[]) => path.join(folder.path, ...names);

/** As Pulp lays it: links to units elsewhere. */
async function put(place: string, bytes: string | Uint8Array): Promise<void> {
  const unit = at('units', place.replaceAll('/', '+'));
  await mkdir(path.dirname(unit), { recursive: true });
  await mkdir(path.dirname(at(place)), { recursive: true });
  await writeFile(unit, bytes);
  await symlink(unit, at(place));
}

beforeAll(async () => {
  folder = await temporaryFolder('serve-content');
  const described = { repository: 'zoo', 'repo-registry-id': NAME, url: 'http://cdn.example/zoo/' };
  const lists = {
    schema2_data: ['latest', IMAGE.digest],
    manifest_list_data: [],
    manifest_list_amd64_tags: {},
  };
  const images = { images: [{ id: 'abc123' }], tags: { latest: 'abc123' } };
  await put('metadata/zoo.json', JSON.stringify({ version: 4, ...described, ...lists }));
  await put('metadata/zoo-v1.json', JSON.stringify({ version: 1, ...described, ...images }));
  const hidden = { ...described, ...lists, 'repo-registry-id': PRIVATE };
  await put('metadata/hidden.json', JSON.stringify({ version: 4, ...hidden }));
  await writeFile(at('htpasswd'), HTPASSWD);
  for (const reference of ['latest', IMAGE.digest]) await put(`v2/zoo/manifests/2/${reference}`, IMAGE.bytes);
  await put('v2/zoo/manifests/1/latest', SCHEMA_1);
  for (const { digest, bytes } of IMAGE.blobs) await put(`v2/zoo/blobs/${digest}`, bytes);
  await put('v2/zoo/tags/list', JSON.stringify({ name: NAME, tags: ['latest'] }));
  await put('v1/zoo/abc123/layer', 'a layer');
});
afterAll(() => folder?.[Symbol.asyncDispose]());

/** What the document says for a web server, with the folders and the crane of this run: a file. */
async function rulesFor(language: 'nginx' | 'apache', port: number): Promise<string> {
  const rules = await shownInDocs('redirect-json.md', language, {
    '/var/www/pub/docker/v1/web': at('v1'),
    '/var/www/pub/docker/v2/web': at('v2'),
    '127.0.0.1:5080': `127.0.0.1:${port}`,
  });
  await writeFile(at(`${language}.conf`), rules);
  return at(`${language}.conf`);
}

const APACHE_MODULES = ['proxy', 'proxy_http', 'xsendfile'];

const FRONTS = [
  {
    by: 'x-accel-redirect',
    parts: ['nginx'],
    start: async (port: number) => startNginx({ root: at('metadata'), rules: await rulesFor('nginx', port) }),
  },
  {
    by: 'x-sendfile',
    parts: ['apache2', 'xsendfile'],
    start: async (port: number) =>
      startApache(at('metadata'), await rulesFor('apache', port), APACHE_MODULES),
  },
] as const;

describe.each(FRONTS)('by $by', ({ by, parts, start }) => {
  const opened = new AsyncDisposableStack();
  let url = '';
  let front: ServerProcess | undefined;
  const real = needs('skopeo', ...parts).showing(() => (front === undefined ? [] : [front]));

  real.beforeAll(async () => {
    const port = await freePort();
    opened.use(
      await startCrane({
        listen: { host: '127.0.0.1', port },
        redirectJson: {
          directories: [at('metadata')],
          cdn: {},
          content: { v1: at('v1'), v2: at('v2'), by, location: '/crane-content/' },
        },
        private: {
          repositories: ['corp/**'],
          readers: [{ users: ['alice'], groups: [], repositories: ['corp/**'] }],
          challenge: [],
          htpasswdFile: at('htpasswd'),
        },
        pollMs: 1000,
        status: 302,
        manifests: 'auto',
        mirrors: [],
        logger: { info() {}, warn() {}, error() {} },
      }),
    );
    const server = opened.use(await start(port));
    ({ url } = server);
    front = server;
  }, 60_000);
  real.afterAll(() => opened.disposeAsync(), 60_000);

  const ask = async (target: string, headers: Readonly<Record<string, string>> = {}) => {
    const response = await fetch(url + target, { headers });
    return { response, body: Buffer.from(await response.arrayBuffer()) };
  };

  real.test('skopeo pulls an image', async () => {
    const from = `docker://${new URL(url).host}/${NAME}:latest`;
    const pulled = await attempt('skopeo', [
      'copy',
      '--insecure-policy',
      '--src-tls-verify=false',
      from,
      `dir:${at(`copy-${by}`)}`,
    ]);
    expect([pulled.code, pulled.stderr]).toEqual([0, '']);
    expect(await readFile(at(`copy-${by}`, 'manifest.json'))).toEqual(Buffer.from(IMAGE.bytes));
  });

  real.test('a blob comes with its digest, in ranges, and not again to who has it', async () => {
    const whole = await ask(BLOB_PATH);
    expect(whole.body).toEqual(Buffer.from(BLOB.bytes));
    const headers = Object.fromEntries(whole.response.headers);
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': String(BLOB.bytes.length),
      'docker-content-digest': BLOB.digest,
      'docker-distribution-api-version': 'registry/2.0',
      etag: `"${BLOB.digest}"`,
    });
    expect(headers).not.toHaveProperty(by); // where the file lies is nobody's business
    const part = await ask(BLOB_PATH, { Range: 'bytes=10-14' });
    expect([part.response.status, part.body]).toEqual([206, Buffer.from(BLOB.bytes).subarray(10, 15)]);
    expect(part.response.headers.get('content-range')).toBe(`bytes 10-14/${BLOB.bytes.length}`);
    const known = await ask(BLOB_PATH, { 'If-None-Match': `"${BLOB.digest}"` });
    expect([known.response.status, known.body.length]).toEqual([304, 0]);
    const resumed = await ask(BLOB_PATH, { Range: 'bytes=5-', 'If-Range': `"${BLOB.digest}"` });
    expect(resumed.response.status).toBe(206);
    const other = await ask(BLOB_PATH, { 'If-None-Match': '"another"' });
    expect([other.response.status, other.body.length]).toEqual([200, BLOB.bytes.length]);
    const changed = await ask(BLOB_PATH, { Range: 'bytes=5-', 'If-Range': '"another"' });
    expect([changed.response.status, changed.body.length]).toEqual([200, BLOB.bytes.length]);
    const head = await fetch(url + BLOB_PATH, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(BLOB.bytes.length)]);
  });

  real.test('tags and layers of before come by it, too; what is not there is the crane’s 404', async () => {
    expect((await ask(`/v2/${NAME}/tags/list`)).body.toString()).toContain('"latest"');
    expect((await ask('/v1/images/abc123/layer')).body.toString()).toBe('a layer');
    const unknown = await ask(`/v2/${NAME}/manifests/unknown`);
    expect([unknown.response.status, unknown.body.toString()]).toEqual([
      404,
      expect.stringContaining('MANIFEST_UNKNOWN'),
    ]);
  });

  real.test('what is private is sent to those alone who may read it, and kept for them alone', async () => {
    const target = `/v2/${PRIVATE}/blobs/${BLOB.digest}`;
    expect((await ask(target)).response.status).toBe(404);
    const credentials = Buffer.from('alice:right').toString('base64');
    const { response, body } = await ask(target, { Authorization: `Basic ${credentials}` });
    expect([response.status, body]).toEqual([200, Buffer.from(BLOB.bytes)]);
    expect(response.headers.get('cache-control')).toBe('private, no-cache');
  });

  real.test('a cache is told that the manifest of a tag is another to who accepts another', async () => {
    const credentials = `Basic ${Buffer.from('alice:right').toString('base64')}`;
    const varyOf = async (target: string, accept: string, bytes: string | Uint8Array) => {
      const { response, body } = await ask(target, { Accept: accept, Authorization: credentials });
      expect(body).toEqual(Buffer.from(bytes));
      return response.headers.get('vary')?.split(/, */).join(' and ');
    };
    for (const name of [NAME, PRIVATE]) {
      const manifest = (reference: string) => `/v2/${name}/manifests/${reference}`;
      const tag = manifest('latest');
      expect(await varyOf(tag, 'application/json', SCHEMA_1)).toBe('Accept and Authorization');
      expect(await varyOf(tag, IMAGE.mediaType, IMAGE.bytes)).toBe('Accept and Authorization');
      expect(await varyOf(manifest(IMAGE.digest), IMAGE.mediaType, IMAGE.bytes)).toBe('Authorization');
    }
    expect(await varyOf('/v1/images/abc123/layer', '*/*', 'a layer')).toBe('Authorization');
  });

  real.test('no file can be asked for by where it lies', async () => {
    const places = [
      `/crane-content/v2/zoo/blobs/${BLOB.digest}`,
      '/crane-content/v1/zoo/abc123/layer',
      at('v2/zoo/tags/list'),
      '/v2/zoo/tags/list',
    ];
    for (const place of places) expect([place, (await ask(place)).response.status]).toEqual([place, 404]);
  });
});
