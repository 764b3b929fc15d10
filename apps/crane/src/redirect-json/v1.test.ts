import { connect } from 'node:net';
import type { Crane } from '../crane.ts';
import { startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import { askPlain, FILES, writeFiles } from './redirect-json.fixture.ts';

/** The API before Docker 1.6, and the lists of repositories, as Pulp's Crane has them. */

const opened = new AsyncDisposableStack();
let crane: Crane;
let named: Crane;
beforeAll(async () => {
  const folder = opened.use(await temporaryFolder()).path;
  await writeFiles(folder, FILES);
  const redirectJson = { directories: [folder], cdn: {} };
  crane = opened.use(await startTestCrane({ redirectJson }));
  named = opened.use(
    await startTestCrane({
      compat: true,
      redirectJson: { ...redirectJson, endpoint: 'registry.example:5000' },
    }),
  );
});
afterAll(() => opened.disposeAsync());

const COMMON = { 'x-docker-registry-version': '0.6.6', 'x-docker-registry-config': 'common' };

test.each([
  ['/v1/_ping', 'true'],
  ['/v1/users', '"OK"'],
  ['/v1/users/', '"OK"'],
  ['/v1/repositories/redhat/foo/images', '[{"id":"abc123"},{"id":"xyz789"}]'],
  ['/v1/repositories/redhat/foo/tags', '{"latest":"abc123","test":"def234"}'],
  ['/v1/repositories/redhat/foo/tags/test', '"def234"'],
  ['/v1/repositories/bar/tags/latest', '"def456"'],
  ['/v1/repositories/library/bar/tags/latest', '"def456"'],
])('%s is %s', async (target, body) => {
  for (const one of [crane, named]) {
    const answer = await askPlain(one, target);
    expect(answer).toMatchObject({
      status: 200,
      body,
      headers: { 'content-type': 'application/json', ...COMMON },
    });
  }
});

test.each([
  '/v1/repositories/redhat/none/images',
  '/v1/repositories/redhat/none/tags',
  '/v1/repositories/a/b/c/images',
  '/v1/repositories/bar/tags/none',
  '/v1/repositories/bar/tag/latest',
  '/v1/repositories/baz/images',
  '/v1/images/baz123/json',
  '/v1/images/abc123/other',
  '/v1/images/abc123/constructor',
  '/v1/images/none/layer',
  '/v1/images/../json',
  '/v1/',
  '/v1/search?q=x',
])('%s is 404, said in words', async (target) => {
  const answer = await askPlain(named, target);
  expect(answer).toMatchObject({ status: 404, body: 'Not Found', headers: COMMON });
  expect(answer.headers['content-type']).toMatch(/^text\/html/);
});

test.each(['ancestry', 'json', 'layer'])(
  'the file %s of an image is redirected, with or without a slash',
  async (file) => {
    const answer = await askPlain(crane, `/v1/images/abc123/${file}`);
    expect(answer).toMatchObject({
      status: 302,
      headers: { location: `http://cdn.example/foo/bar/images/abc123/${file}`, ...COMMON },
    });
    expect((await askPlain(crane, `/v1/images/def456/${file}`)).headers['location']).toBe(
      `http://cdn.example/bar/baz/images/def456/${file}`,
    );
  },
);

test('ping says that the registry stands alone; images, where else they may be asked for', async () => {
  expect((await askPlain(crane, '/v1/_ping')).headers['x-docker-registry-standalone']).toBe('True');
  const images = '/v1/repositories/bar/images';
  expect((await askPlain(crane, images, { headers: { Host: 'me:1' } })).headers['x-docker-endpoints']).toBe(
    'me:1',
  );
  expect((await askPlain(named, images)).headers['x-docker-endpoints']).toBe('registry.example:5000');
});

test('who would make a user is told that it is made; nothing else can be posted', async () => {
  for (const target of ['/v1/users', '/v1/users/']) {
    expect(await askPlain(crane, target, { method: 'POST' })).toMatchObject({
      status: 201,
      body: '"User Created"',
      headers: { 'content-type': 'application/json', ...COMMON },
    });
  }
  expect((await askPlain(crane, '/v1/repositories/bar/images', { method: 'POST' })).status).toBe(405);
});

describe('/crane/repositories', () => {
  const V1 = {
    bar: { image_ids: ['def456'], tags: { latest: 'def456' }, protected: false },
    'redhat/foo': {
      image_ids: ['abc123', 'xyz789'],
      tags: { latest: 'abc123', test: 'def234' },
      protected: false,
    },
  };
  const V2 = Object.fromEntries(
    ['redhat/empty', 'redhat/foo', 'redhat/foo3', 'redhat/zoo', 'x/manifests/y'].map((name) => [
      name,
      { protected: false },
    ]),
  );
  test.each([
    ['/crane/repositories', V1],
    ['/crane/repositories/v1', V1],
    ['/crane/repositories/v2', V2],
  ])('%s lists what is not protected, as JSON', async (target, expected) => {
    const answer = await askPlain(crane, target, { headers: { Accept: 'application/json' } });
    expect(JSON.parse(answer.body)).toEqual(expected);
    expect(answer).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/json', vary: 'Accept' },
    });
  });

  test.each([
    [undefined, 'text/html'],
    ['*/*', 'text/html'],
    ['text/html,application/xhtml+xml;q=0.9,*/*;q=0.8', 'text/html'],
    ['application/json', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    ['text/html;q=0.5, application/json', 'application/json'],
    ['text/html;q=0, */*', 'application/json'],
    ['application/*', 'application/json'],
    ['image/png', 'text/html'],
  ])('to who accepts %s it is %s', async (accept, type) => {
    const headers = accept === undefined ? {} : { Accept: accept };
    const answer = await askPlain(crane, '/crane/repositories/v2', { headers });
    expect(answer.headers['content-type']).toContain(type);
    expect(answer.body).toContain('redhat/zoo');
    expect(answer.body).not.toContain('baz');
  });

  test('as a page, each with its tags', async () => {
    const { body } = await askPlain(crane, '/crane/repositories/v1');
    expect(body).toMatch(/<h2>redhat\/foo<\/h2>[^]*<dt>test<\/dt>\s*<dd><code>def234<\/code>/);
    expect(body.indexOf('<h2>bar')).toBeLessThan(body.indexOf('<h2>redhat/foo'));
  });

  test('there are no others', async () => {
    expect((await askPlain(crane, '/crane/repositories/v3')).status).toBe(404);
    expect((await askPlain(crane, '/crane/')).status).toBe(404);
  });
});

test('who names no host, as HTTP/1.0 allows, is told of none', async () => {
  const socket = connect(Number(new URL(crane.url).port), '127.0.0.1');
  socket.end('GET /v1/repositories/bar/images HTTP/1.0\r\n\r\n');
  const said = Buffer.concat(await Array.fromAsync(socket as AsyncIterable<Buffer>)).toString();
  expect(said).toMatch(/^HTTP\/1\.1 200 [^]*\[\{"id":"def456"\}\]$/);
  expect(said).not.toMatch(/x-docker-endpoints/i);
});
