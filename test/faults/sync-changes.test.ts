import { faults, makeImage, makeLayer } from '@gantry/registry';
import { randomBytes } from '../fixtures/random-bytes.ts';
import { openSyncHere } from '../fixtures/sync-here.ts';

/** A registry that changes while it is synced. */

const AMD64 = { os: 'linux', architecture: 'amd64' };
const image = (name: string) =>
  makeImage({ platform: AMD64, layers: [makeLayer([{ path: '/name', content: name }])] });
const [first, second, other] = [image('first'), image('second'), image('other')];

test('a tag that moves between HEAD and GET is synced as what HEAD told, and the next time as what it is', async () => {
  await using here = await openSyncHere({
    intercept: faults.only(
      { method: 'HEAD', path: /\/manifests\/1$/, times: 1 },
      faults.movesAfterHead(() => here.upstream, 'app', '1', second.digest),
    ),
  });
  here.upstream.push('app', first, '1');
  here.upstream.push('app', second);
  expect(await here.sync()).toMatchObject({ state: 'done', errors: [] });
  expect((await here.flow.catalog.candidates.current('app', '1'))?.digest).toBe(first.digest);
  expect(await here.sync()).toMatchObject({ state: 'done', errors: [] });
  expect((await here.flow.catalog.candidates.current('app', '1'))?.digest).toBe(second.digest);
});

test('a manifest that is deleted between HEAD and GET fails its tag alone, by name, and is not half there', async () => {
  await using here = await openSyncHere({
    intercept: faults.goesAfterHead(() => here.upstream, 'app', 'gone', first.digest),
  });
  here.upstream.push('app', first, 'gone');
  here.upstream.push('app', other, 'stays');
  const { state, errors } = await here.sync();
  expect([state, errors.map(({ item, problem }) => [item, problem.type])]).toEqual([
    'partial',
    [['app:gone', 'urn:gantry:problem:manifest-unknown']],
  ]);
  expect(await here.tags()).toEqual(['app:stays']);
  expect(await here.flow.catalog.manifests.get(first.digest)).toBeUndefined();
  expect(await here.sync()).toMatchObject({ state: 'done', errors: [] }); // no longer listed: nothing is wrong
});

test('a tag that is listed and then has no manifest is named', async () => {
  await using here = await openSyncHere({
    intercept: faults.only({ path: /\/manifests\/ghost$/ }, faults.errors(9, 404)),
  });
  here.upstream.push('app', first, 'ghost');
  here.upstream.push('app', other, 'stays');
  const { errors } = await here.sync();
  expect(errors.map(({ item }) => item)).toEqual(['app:ghost']);
  expect(await here.tags()).toEqual(['app:stays']);
});

test.each([
  ['an empty list', 200, '{"name":"app","tags":[]}'],
  ['null', 200, '{"name":"app","tags":null}'],
  ['404', 404, '{"errors":[{"code":"NAME_UNKNOWN"}]}'],
])(
  '%s where there were tags makes no candidate forgotten, and nothing is fetched anew when they are back',
  async (_t, status, body) => {
    let emptied = false;
    await using here = await openSyncHere({
      intercept: (request, response) => {
        if (!emptied || request.url?.startsWith('/v2/app/tags/list') !== true) return false;
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
        return true;
      },
    });
    for (const tag of ['1', '2']) here.upstream.push('app', image(tag), tag);
    here.upstream.push('other', other, '1');
    await here.sync();
    emptied = true;
    const { state } = await here.sync();
    expect(state).toBe(status === 404 ? 'partial' : 'done');
    expect(await here.tags()).toEqual(['app:1', 'app:2', 'other:1']);
    emptied = false;
    here.upstream.forgetRequests();
    expect((await here.sync()).state).toBe('done');
    expect([here.asked('GET', '/manifests/'), here.asked('GET', '/blobs/')]).toEqual([0, 0]);
  },
);

test('a catalogue that is suddenly empty, or that stops answering, makes nothing forgotten', async () => {
  let broken: number | undefined;
  await using here = await openSyncHere({
    intercept: (request, response) => {
      if (broken === undefined || request.url?.startsWith('/v2/_catalog') !== true) return false;
      response.writeHead(broken, { 'content-type': 'application/json' }).end('{"repositories":[]}');
      return true;
    },
  });
  here.upstream.push('app', first, '1');
  await here.sync();
  broken = 200;
  expect((await here.sync()).state).toBe('done');
  broken = 500;
  expect((await here.sync()).state).toBe('failed');
  expect(await here.tags()).toEqual(['app:1']);
});

test('a token that is good for an hour runs out in the midst of a blob: what is left is asked for with a new one', async () => {
  const layer = makeLayer([{ path: '/data', content: randomBytes('an hour', 300_000) }]);
  const big = makeImage({ platform: AMD64, layers: [layer] });
  const place = new RegExp(`/blobs/${layer.digest}$`);
  const ranges: (string | undefined)[] = [];
  await using here = await openSyncHere({
    authentication: { bearer: { ttlSeconds: 3600 } },
    intercept: (request, response) => {
      if (!place.test(request.url ?? '')) return false;
      if (request.headers.authorization !== undefined) ranges.push(request.headers.range);
      if (ranges.length !== 1) return false;
      here.upstream.expireTokens(); // as an hour does, without telling
      return request.headers.authorization === undefined ? false : faults.cut(100_000)(request, response);
    },
  });
  here.upstream.push('app', big, '1');
  expect(await here.sync()).toMatchObject({ state: 'done', errors: [] });
  expect((await here.flow.store.read(layer.digest, layer.size)).equals(layer.bytes)).toBe(true);
  expect(here.asked('GET', '/token')).toBeGreaterThan(1);
});

test('a token that has run out by its time is renewed before the next request, without a 401', async () => {
  await using here = await openSyncHere({ authentication: { bearer: { ttlSeconds: 3600 } } });
  here.upstream.push('app', first, '1');
  expect((await here.sync()).state).toBe('done');
  here.advance(3_600_000);
  here.upstream.forgetRequests();
  expect((await here.sync()).state).toBe('done');
  expect(here.upstream.requests.filter(({ status }) => status === 401)).toEqual([]);
  expect(here.asked('GET', '/token')).toBeGreaterThan(0);
});

test('a tag that answers 500 for ever fails alone, and the tasks of the others go on', async () => {
  await using here = await openSyncHere({
    intercept: faults.only({ path: /\/manifests\/bad$/ }, faults.errors(Number.POSITIVE_INFINITY)),
  });
  here.upstream.push('app', first, 'bad', 'good');
  here.upstream.push('other', other, '1');
  const { state, failures } = await here.sync();
  expect([state, failures.map(({ tag, retry }) => [tag, retry])]).toEqual(['partial', [['bad', true]]]);
  expect(await here.tags()).toEqual(['app:good', 'other:1']);
});
