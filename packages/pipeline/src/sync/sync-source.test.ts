import { digestOf } from '@gantry/oci';
import { makeArtifact, makeImage, makeIndex, makeLayer, makeSbom, makeSignature } from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };
const layer = (text: string, format: 'oci' | 'docker' = 'oci') =>
  makeLayer([{ path: 'hello.txt', content: text }], format);
const image = (text: string, platform = amd64) =>
  makeImage({ platform, layers: [layer(text)], labels: { version: text } });
const tagsOf = async (fixture: FlowFixture) =>
  (await fixture.flow.catalog.candidates.list({ limit: 1000 })).items
    .map(({ repository, tag }) => `${repository}:${tag}`)
    .toSorted();
const countOf = (fixture: FlowFixture, method: string, part: string) =>
  fixture.upstream.requests.filter((request) => request.method === method && request.path.includes(part))
    .length;

describe('a sync', () => {
  test('brings images of every kind, with platforms, labels and size', async () => {
    await using fixture = await openFlow();
    const index = makeIndex([image('a'), image('b', arm64)]);
    const docker = makeImage({ platform: amd64, layers: [layer('d', 'docker')], format: 'docker' });
    fixture.upstream.push('team/app', index, '1.0', 'latest');
    fixture.upstream.push('deep/er/still/web', docker, '__proto__');
    fixture.upstream.push('nested', makeIndex([index]), '10');
    expect(await fixture.sync()).toMatchObject({ state: 'done', errors: [] });
    expect(await tagsOf(fixture)).toEqual([
      'deep/er/still/web:__proto__',
      'nested:10',
      'team/app:1.0',
      'team/app:latest',
    ]);
    const app = await fixture.flow.catalog.candidates.current('team/app', '1.0');
    expect(app).toMatchObject({
      digest: index.digest,
      mediaType: index.mediaType,
      platforms: ['linux/amd64', 'linux/arm64'],
      labels: { version: 'a' },
      sourceRepository: 'team/app',
    });
    expect((await fixture.flow.store.read(index.digest, 1e6)).equals(index.bytes)).toBe(true);
    const sizes = index.children.flatMap((child) => [child.size, ...child.blobs.map(({ size }) => size)]);
    expect(app?.size).toBe(sizes.reduce((sum, size) => sum + size, index.size));
  });

  test('that finds nothing new asks by HEAD alone', async () => {
    await using fixture = await openFlow({ referrersApi: false });
    for (const tag of ['1', '2', '3']) fixture.upstream.push('app', image(tag), tag);
    await fixture.sync();
    fixture.upstream.forgetRequests();
    expect((await fixture.sync()).state).toBe('done');
    expect(countOf(fixture, 'HEAD', '/manifests/')).toBe(3);
    expect(countOf(fixture, 'GET', '/manifests/')).toBe(0);
    expect(countOf(fixture, 'GET', '/blobs/')).toBe(0);
  });

  test('downloads a blob that many repositories share just once', async () => {
    await using fixture = await openFlow();
    const base = layer('base');
    const names = Array.from({ length: 25 }, (_, index) => `app-${index}`);
    for (const name of names)
      fixture.upstream.push(name, makeImage({ platform: amd64, layers: [base, layer(name)] }), 'v1');
    expect((await fixture.sync()).state).toBe('done');
    expect(countOf(fixture, 'GET', `/blobs/${base.digest}`)).toBe(1);
  });

  test.each([true, false])(
    'brings referrers and their signatures, with a referrers API (%s)',
    async (referrersApi) => {
      await using fixture = await openFlow({ referrersApi });
      const app = image('a');
      const sbom = makeSbom(app, 'app');
      const signed = makeSignature('app', sbom);
      fixture.upstream.push('app', app, '1.0');
      fixture.upstream.push('app', sbom);
      fixture.upstream.push(
        'app',
        makeArtifact({ artifactType: 'application/x.note', layers: [], subject: sbom }),
      );
      fixture.upstream.push('app', signed, `${sbom.digest.replace(':', '-')}.sig`);
      expect(await fixture.sync({}, { tags: { include: ['1.*'] } })).toMatchObject({
        state: 'done',
        errors: [],
      });
      const candidate = await fixture.flow.catalog.candidates.current('app', '1.0');
      expect(candidate?.referrers).toHaveLength(2);
      expect(candidate?.referrers).toContain(sbom.digest);
      expect(candidate?.companions).toContainEqual({
        tag: `${sbom.digest.replace(':', '-')}.sig`,
        digest: signed.digest,
      });
      expect(await tagsOf(fixture)).toEqual(['app:1.0']);
    },
  );

  test('finds a signature that was made after the image was synced', async () => {
    await using fixture = await openFlow();
    const app = image('a');
    fixture.upstream.push('app', app, '1.0');
    await fixture.sync();
    const sbom = makeSbom(app, 'app');
    fixture.upstream.push('app', sbom);
    await fixture.sync();
    expect((await fixture.flow.catalog.candidates.current('app', '1.0'))?.referrers).toEqual([sbom.digest]);
  });

  test('takes and leaves tags by the rules, and a dry run says which by which rule', async () => {
    await using fixture = await openFlow();
    for (const tag of ['v1', 'v2-dev', 'other']) fixture.upstream.push('app', image(tag), tag);
    const rules = { tags: { include: ['v*'], exclude: ['*-dev'] } };
    const { plan } = await fixture.sync({ dryRun: true }, rules);
    expect(plan?.map(({ tag, action, rule }) => [tag, action, rule]).toSorted()).toEqual([
      ['other', 'leave', 'no tags.include matches'],
      ['v1', 'add', 'tags.include v*'],
      ['v2-dev', 'leave', 'tags.exclude *-dev'],
    ]);
    expect(await tagsOf(fixture)).toEqual([]);
    await fixture.sync({}, rules);
    expect(await tagsOf(fixture)).toEqual(['app:v1']);
  });

  test('keeps what was synced when the source empties or moves a tag', async () => {
    await using fixture = await openFlow();
    const [first, second] = [image('1'), image('2')];
    fixture.upstream.push('app', first, 'latest');
    await fixture.sync();
    fixture.upstream.push('app', second, 'latest');
    await fixture.sync();
    expect((await fixture.flow.catalog.candidates.current('app', 'latest'))?.digest).toBe(second.digest);
    expect((await fixture.flow.catalog.candidates.byDigest('app', first.digest))?.tag).toBe('latest');
    fixture.upstream.deleteTag('app', 'latest');
    expect((await fixture.sync()).state).toBe('done');
    expect((await fixture.flow.catalog.candidates.current('app', 'latest'))?.digest).toBe(second.digest);
  });

  test('notes a tag that the source lists no more, and that it is back; an empty list tells nothing', async () => {
    await using fixture = await openFlow();
    const goneAt = async () => (await fixture.flow.catalog.candidates.current('app', '1'))?.goneAt;
    for (const tag of ['1', '2']) fixture.upstream.push('app', image(tag), tag);
    await fixture.sync();
    fixture.upstream.deleteTag('app', '1');
    await fixture.sync();
    expect(await goneAt()).toBe('2026-11-21T09:00:00.000Z');
    fixture.upstream.push('app', image('1'), '1');
    await fixture.sync();
    expect(await goneAt()).toBeUndefined();
    for (const tag of ['1', '2']) fixture.upstream.deleteTag('app', tag);
    await fixture.sync();
    expect(await goneAt()).toBeUndefined();
  });

  test('that is late leaves what a faster one has brought of a tag', async () => {
    const [old, moved] = [image('old'), image('moved')];
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    await using fixture = await openFlow({
      intercept: (request, response) => {
        if (!request.url?.endsWith(`/blobs/${old.blobs[1]?.digest}`)) return false;
        reached.resolve();
        void held.promise.then(() => response.end(old.blobs[1]?.bytes));
        return true;
      },
    });
    fixture.upstream.push('app', old, 'latest');
    const late = fixture.sync();
    await reached.promise;
    fixture.upstream.push('app', moved, 'latest');
    await fixture.sync({ items: [{ sourceRepository: 'app', tags: ['latest'] }] });
    held.resolve();
    expect(await late).toMatchObject({ state: 'done' });
    expect((await fixture.flow.catalog.candidates.current('app', 'latest'))?.digest).toBe(moved.digest);
  });

  test('ends when its downloads have ended, also if the catalogue breaks off', async () => {
    const images = new Map(['a', 'b', 'c'].map((name) => [name, image(name)]));
    const blobs = [...images.values()].flatMap((one) => one.blobs);
    const brokenOff = Promise.withResolvers<void>();
    await using fixture = await openFlow({
      pageSize: 2,
      intercept: ({ url = '' }, response) => {
        const blob = blobs.find(({ digest }) => url.endsWith(`/blobs/${digest}`));
        if (blob !== undefined) void brokenOff.promise.then(() => response.end(blob.bytes));
        else if (/_catalog.*last=/.test(url)) response.writeHead(403).end(() => brokenOff.resolve());
        else return false;
        return true;
      },
    });
    for (const [name, one] of images) fixture.upstream.push(name, one, '1');
    expect(await fixture.sync()).toMatchObject({ state: 'partial', errors: [{}] });
    expect(await tagsOf(fixture)).toEqual(['a:1', 'b:1']);
  });

  test('renames, and refuses two repositories that yield one name', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('candidate/app', image('a'), '1');
    fixture.upstream.push('other/app', image('b'), '1');
    const rules = { rename: { from: '^[a-z]+/', to: '' } };
    const { state, errors } = await fixture.sync({}, rules);
    expect(state).toBe('partial');
    expect(await tagsOf(fixture)).toEqual(['app:1']);
    expect(errors).toHaveLength(1);
    expect(errors[0]?.problem.detail).toMatch(/candidate\/app.*other\/app|other\/app.*candidate\/app/);
  });

  test('of plain names needs no catalogue, and of names that are not there says so', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', image('a'), '1');
    const { state, errors } = await fixture.sync({}, { repositories: ['app', 'gone'] });
    expect(countOf(fixture, 'GET', '_catalog')).toBe(0);
    expect([state, errors.map(({ item, problem }) => [item, problem.type])]).toEqual([
      'partial',
      [['gone', 'urn:gantry:problem:name-unknown']],
    ]);
  });

  test('of one repository leaves the others', async () => {
    await using fixture = await openFlow();
    for (const name of ['a', 'b']) fixture.upstream.push(name, image(name), '1');
    await fixture.sync({ repositories: ['b'] });
    expect(await tagsOf(fixture)).toEqual(['b:1']);
    expect((await fixture.sync({ repositories: ['c'] })).errors[0]?.problem.detail).toContain(
      'takes no repository "c"',
    );
  });
});

describe('one bad image', () => {
  const cases: [string, string, (fixture: FlowFixture) => void][] = [
    [
      'with a blob of other bytes',
      'digest-invalid',
      ({ upstream }) => {
        const bad = image('bad');
        upstream.push('app', bad, 'bad');
      },
    ],
    [
      'whose child is missing',
      'manifest-blob-unknown',
      ({ upstream }) => {
        const index = makeIndex([image('x')]);
        upstream.putManifest('app', index.bytes, index.mediaType, 'bad');
      },
    ],
    [
      'whose blob is missing',
      'manifest-blob-unknown',
      ({ upstream }) => {
        const bad = image('gone');
        upstream.push('app', bad, 'bad');
        upstream.deleteBlob('app', bad.blobs[1]?.digest ?? digestOf(''));
      },
    ],
    [
      'that is not JSON',
      'manifest-invalid',
      ({ upstream }) => {
        upstream.putManifest('app', Buffer.from('{"schemaVersion": 2'), image('a').mediaType, 'bad');
      },
    ],
    [
      'of over 4 MiB',
      'manifest-invalid',
      ({ upstream }) => {
        upstream.putManifest('app', Buffer.alloc(4 * 1024 * 1024 + 1, ' '), image('a').mediaType, 'bad');
      },
    ],
    [
      'of schema 1',
      'manifest-invalid',
      ({ upstream }) => {
        const body = Buffer.from('{"schemaVersion":1,"name":"app","tag":"bad","fsLayers":[]}');
        upstream.putManifest('app', body, 'application/vnd.docker.distribution.manifest.v1+prettyjws', 'bad');
      },
    ],
  ];
  test.each(cases)('%s fails alone, by name', async (_title, problem, prepare) => {
    const bad = image('bad').blobs[1]?.digest ?? '';
    await using fixture = await openFlow({
      intercept: (request, response) => {
        if (problem !== 'digest-invalid' || !request.url?.endsWith(`/blobs/${bad}`)) return false;
        response.end(Buffer.alloc(image('bad').blobs[1]?.size ?? 0, 'x'));
        return true;
      },
    });
    fixture.upstream.push('app', image('good'), 'good');
    prepare(fixture);
    const { state, errors } = await fixture.sync();
    expect([state, errors.map(({ item, problem: { type } }) => [item, type])]).toEqual([
      'partial',
      [['app:bad', `urn:gantry:problem:${problem}`]],
    ]);
    expect(await tagsOf(fixture)).toEqual(['app:good']);
  });

  test('that was cut off goes on from where it was', async () => {
    const big = makeLayer([
      { path: 'big', content: Array.from({ length: 40_000 }, (_, n) => Math.sin(n).toString(36)).join() },
    ]);
    let cuts = 0;
    await using fixture = await openFlow({
      intercept: (request, response) => {
        if (!request.url?.endsWith(`/blobs/${big.digest}`) || cuts++ > 0) return false;
        response.writeHead(200, { 'content-length': big.size });
        response.write(big.bytes.subarray(0, 100_000), () => setImmediate(() => response.destroy()));
        return true;
      },
    });
    fixture.upstream.push('app', makeImage({ platform: amd64, layers: [big] }), '1');
    expect(await fixture.sync()).toMatchObject({ state: 'done', errors: [] });
    expect((await fixture.flow.store.stat(big.digest))?.size).toBe(big.size);
  });

  test('repository that is all there is makes the sync a failure', async () => {
    await using fixture = await openFlow();
    const { state, errors } = await fixture.sync({}, { repositories: ['nothing/here'] });
    expect(state).toBe('failed');
    expect(errors[0]?.item).toBe('nothing/here');
  });
});
