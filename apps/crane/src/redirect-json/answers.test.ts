import { layTree } from '@gantry/tree';
import type { Crane } from '../crane.ts';
import {
  repositoryOf,
  sampleImage,
  startTestCrane,
  temporaryFolder,
  type TestLog,
  testLog,
} from '../crane.fixture.ts';
import type { CraneOptions } from '../options.ts';
import {
  A_LIST,
  A_SCHEMA2,
  accepting,
  ACCEPTS,
  AMD64,
  askPlain,
  FILES,
  LIST,
  SCHEMA_2,
  UNKNOWN,
  writeFiles,
} from './redirect-json.fixture.ts';

/** What Pulp's Crane answers, request by request: its own tests, and the rules of crane/views. */

const opened = new AsyncDisposableStack();
let folder: string;
let tree: string;
let log: TestLog;
let crane: Crane;
let compat: Crane;
const image = sampleImage();

const start = async (options: Partial<CraneOptions> = {}) =>
  opened.use(await startTestCrane({ redirectJson: { directories: [folder], cdn: {} }, ...options }));

beforeAll(async () => {
  folder = opened.use(await temporaryFolder()).path;
  tree = opened.use(await temporaryFolder()).path;
  await writeFiles(folder, FILES);
  log = testLog();
  crane = await start({ logger: log });
  compat = await start({ compat: true, status: 307 });
});
afterAll(() => opened.disposeAsync());

const zoo = (id: string) => `/v2/redhat/zoo/manifests/${id}`;
const at = (place: string) => `http://cdn.example/zoo/bar/manifests/${place}`;

/** Rule by rule: what is asked for, with which Accept, and where it is. */
const MANIFESTS: readonly (readonly [string, keyof typeof ACCEPTS, string])[] = [
  ['bar', 'docker 1.13', `list/bar`],
  ['bar', 'lists only', `list/bar`],
  ['bar', 'docker 1.10', `2/${AMD64}`],
  ['bar', 'none', `1/bar`],
  ['bar', 'anything', `1/bar`],
  ['bar', 'OCI only', `1/bar`],
  ['latest', 'docker 1.13', `list/latest`],
  ['latest', 'docker 1.10', `1/${AMD64}`],
  ['latest', 'none', `1/${AMD64}`],
  ['only-list', 'docker 1.13', `list/only-list`],
  ['only-list', 'docker 1.10', `1/only-list`],
  ['1.25.1-musl', 'docker 1.13', `2/1.25.1-musl`],
  ['1.25.1-musl', 'docker 1.10', `2/1.25.1-musl`],
  ['1.25.1-musl', 'lists only', `1/1.25.1-musl`],
  ['1.25.1-musl', 'none', `1/1.25.1-musl`],
  ['no-such-tag', 'docker 1.13', `1/no-such-tag`],
  [A_LIST, 'docker 1.13', `list/${A_LIST}`],
  [A_SCHEMA2, 'docker 1.13', `2/${A_SCHEMA2}`],
  [UNKNOWN, 'docker 1.13', `1/${UNKNOWN}`],
  [UNKNOWN, 'none', `1/${UNKNOWN}`],
];

test.each(MANIFESTS)('%s, of who accepts what %s does, is at manifests/%s', async (id, who, place) => {
  for (const one of [crane, compat]) {
    const answer = await askPlain(one, zoo(id), { headers: accepting(ACCEPTS[who]) });
    expect([answer.status, answer.headers['location']]).toEqual([302, at(place)]);
  }
});

test.each([
  [A_SCHEMA2, `2/${A_SCHEMA2}`],
  [A_LIST, `list/${A_LIST}`],
])(
  'a digest has one type: %s is there whatever is accepted; the original looks for schema 1',
  async (id, place) => {
    for (const accept of [undefined, '*/*', ACCEPTS['OCI only']]) {
      const headers = accepting(accept);
      expect((await askPlain(crane, zoo(id), { headers })).headers['location']).toBe(at(place));
      expect((await askPlain(compat, zoo(id), { headers })).headers['location']).toBe(at(`1/${id}`));
    }
  },
);

test('parameters of a type are passed over, several lines are one list, and a longer type is another', async () => {
  const ask = async (headers: Record<string, string>) =>
    (await askPlain(compat, zoo('bar'), { headers })).headers['location'];
  expect(await ask({ Accept: ` ${LIST} ;q=0.1 ,a/b` })).toBe(at('list/bar'));
  expect(await ask({ Accept: `${LIST}junk,${SCHEMA_2}` })).toBe(at(`2/${AMD64}`));
  const lines = await fetch(`${crane.url}${zoo('bar')}`, {
    redirect: 'manual',
    headers: [
      ['Accept', SCHEMA_2],
      ['Accept', LIST],
    ],
  });
  expect(lines.headers.get('location')).toBe(at('list/bar'));
});

test('files of version 2 pass paths through; those of version 3 know schema 2, and empty ones schema 1', async () => {
  const headers = accepting(ACCEPTS['docker 1.13']);
  const where = async (target: string) => (await askPlain(crane, target, { headers })).headers['location'];
  expect(await where('/v2/redhat/foo/manifests/latest')).toBe('http://cdn.example/foo/bar/manifests/latest');
  expect(await where('/v2/redhat/foo3/manifests/1.25.0-glibc')).toBe(
    'http://cdn.example/foo/three/manifests/2/1.25.0-glibc',
  );
  expect(await where('/v2/redhat/foo3/manifests/x')).toBe('http://cdn.example/foo/three/manifests/1/x');
  expect(await where('/v2/redhat/empty/manifests/x')).toBe('http://cdn.example/empty/manifests/1/x');
  expect(await where('/v2/x/manifests/y/manifests/z')).toBe('http://cdn.example/words/manifests/z');
  expect(await where(`/v2/redhat/zoo/blobs/${UNKNOWN}`)).toBe(`http://cdn.example/zoo/bar/blobs/${UNKNOWN}`);
  expect(await where('/v2/redhat/zoo/tags/list')).toBe('http://cdn.example/zoo/bar/tags/list');
});

test('HEAD is redirected as GET is; the query goes along, but not with the original', async () => {
  for (const method of ['GET', 'HEAD']) {
    const target = '/v2/redhat/zoo/tags/list?n=2&last=a';
    const own = await askPlain(crane, target, { method });
    expect([own.status, own.headers['location'], own.body]).toEqual([
      302,
      'http://cdn.example/zoo/bar/tags/list?n=2&last=a',
      '',
    ]);
    const original = await askPlain(compat, target, { method });
    expect([original.status, original.headers['location']]).toEqual([
      302,
      'http://cdn.example/zoo/bar/tags/list',
    ]);
    expect(original.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(original.headers['docker-distribution-api-version']).toBeUndefined();
  }
});

test('crane.status is for redirects of its own', async () => {
  const other = await start({ status: 307 });
  expect((await askPlain(other, zoo('bar'))).status).toBe(307);
});

const NOT_FOUND = '{"errors":[{"code":"404","message":"Not Found"}]}';

test.each([
  ['/v2/no/name/manifests/test', 404, 'NAME_UNKNOWN'],
  ['/v2/no/name/test', 404, 'UNSUPPORTED'],
  ['/v2/redhat/zoo/manifests/a/b', 404, 'MANIFEST_UNKNOWN'],
  ['/v2/redhat/zoo/manifests', 404, 'UNSUPPORTED'],
  ['/v2/redhat/zoo/manifests/', 404, 'MANIFEST_UNKNOWN'],
  ['/v2/redhat/zoo/blobs/123', 400, 'DIGEST_INVALID'],
  ['/v2/redhat/zoo/tags/latest', 404, 'UNSUPPORTED'],
  ['/v2/tags', 404, 'UNSUPPORTED'],
  ['/v2/protected/manifests/latest', 404, 'NAME_UNKNOWN'],
  ['/v2/redhat/zoo/manifests/bar?serial=1', 404, 'MANIFEST_UNKNOWN'],
  [`/v2/redhat/zoo/referrers/${UNKNOWN}`, 404, 'UNSUPPORTED'],
  ['/v2/_catalog', 404, 'UNSUPPORTED'],
])('%s is %s with the code %s', async (target, status, code) => {
  const answer = await askPlain(crane, target);
  expect(answer).toMatchObject({ status, headers: { 'content-type': 'application/json' } });
  expect(JSON.parse(answer.body)).toMatchObject({ errors: [{ code }] });
});

test.each([
  '/v2/no/name/manifests/test',
  '/v2/no/name/test',
  '/v2/redhat/zoo/manifests/a/b',
  '/v2/redhat/zoo/manifests',
  '/v2/tags',
  '/v2/protected/manifests/latest',
  '/v2/_catalog',
  '/v2/Redhat/Zoo/blobs/123',
  '/v2/redhat/zoo/blobs/../../../etc',
  '/v2/redhat/zoo/blobs/%2e%2e/x',
])('%s is 404 with the number of the original', async (target) => {
  const answer = await askPlain(compat, target);
  expect([answer.status, answer.headers['content-type'], answer.body]).toEqual([
    404,
    'application/json',
    NOT_FOUND,
  ]);
});

test.each([
  ['/v2/redhat/zoo/blobs/123', 'http://cdn.example/zoo/bar/blobs/123'],
  ['/v2/redhat/zoo/blobs', 'http://cdn.example/zoo/bar/blobs'],
  ['/v2/redhat/zoo/tags/latest', 'http://cdn.example/zoo/bar/tags/latest'],
  ['/v2/redhat/zoo/manifests/', 'http://cdn.example/zoo/bar/manifests/1/'],
  ['/v2/redhat/foo/manifests/a/b', 'http://cdn.example/foo/bar/manifests/a/b'],
  ['/v2/redhat/zoo/manifests/%41%20%3f%23', 'http://cdn.example/zoo/bar/manifests/1/A%20%3F%23'],
  [`/v2/redhat/zoo/blobs/${UNKNOWN.replace(':', '%3A')}`, `http://cdn.example/zoo/bar/blobs/${UNKNOWN}`],
])('the original redirects even %s', async (target, location) => {
  const answer = await askPlain(compat, target);
  expect([answer.status, answer.headers['location']]).toEqual([302, location]);
});

test('other methods are refused, in each way', async () => {
  const own = await askPlain(crane, zoo('bar'), { method: 'DELETE' });
  expect([own.status, own.headers['allow']]).toEqual([405, 'GET, HEAD']);
  const original = await askPlain(compat, zoo('bar'), { method: 'PUT' });
  expect([original.status, original.body]).toEqual([
    405,
    '{"errors":[{"code":"405","message":"Method Not Allowed"}]}',
  ]);
});

test('/v2/ is as ever', async () => {
  for (const one of [crane, compat]) {
    const answer = await askPlain(one, '/v2/');
    expect([answer.status, answer.body]).toEqual([200, '{}']);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'docker-distribution-api-version': 'registry/2.0',
    });
  }
});

test('what the tree has is the tree’s, whatever redirect files say of it', async () => {
  await layTree(tree, { repositories: [repositoryOf('redhat/foo', { latest: image })] });
  const beside = await start({ tree });
  const own = await askPlain(beside, '/v2/redhat/foo/manifests/latest');
  expect([own.status, own.headers['docker-content-digest']]).toEqual([200, image.digest]);
  expect((await askPlain(beside, '/v2/redhat/foo/manifests/other')).status).toBe(404);
  expect((await askPlain(beside, zoo('bar'))).headers['location']).toBe(at('1/bar'));
  const { status, body } = await askPlain(beside, `${zoo('bar')}?serial=1`);
  expect([status, body]).toEqual([404, expect.stringContaining('has no serials')]);
});

test('the CDN is told of by a rewritten URL and a token, which the client can’t bring', async () => {
  const secret = 'abc123';
  const cdn = {
    rewrite: { match: 'cdn.example/zoo', replace: 'cdn.other/$&' },
    token: { secret, ttlMs: 600_000, parameter: '_auth_', algorithm: 'sha256' },
  } as const;
  const redirectJson = { directories: [folder], cdn };
  const one = await start({ redirectJson });
  const asked = await askPlain(one, `${zoo('bar')}?ns=x&_auth_=mine&%5Fauth_=too`);
  expect(asked.headers['location']).toMatch(
    /^http:\/\/cdn\.other\/\$&\/bar\/manifests\/1\/bar\?ns=x&_auth_=exp=\d{10}~hmac=[0-9a-f]{64}$/,
  );
  const original = await start({ redirectJson, compat: true });
  expect((await askPlain(original, `${zoo('bar')}?ns=x`)).headers['location']).toMatch(
    /^http:\/\/cdn\.other\/\$&\/bar\/manifests\/1\/bar\?_auth_=exp=\d{10}~hmac=[0-9a-f]{64}$/,
  );
  // The API of before has neither.
  expect((await askPlain(original, '/v1/images/abc123/json')).headers['location']).toBe(
    'http://cdn.example/foo/bar/images/abc123/json',
  );
});
