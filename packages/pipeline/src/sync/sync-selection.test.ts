import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf } from '@gantry/oci';
import {
  makeBlob,
  makeImage,
  makeIndex,
  makeLayer,
  type MadeManifest,
  makeManifest,
  makeSignature,
} from '@gantry/registry';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';

const platform = (architecture: string, variant?: string) => ({
  os: 'linux',
  architecture,
  ...(variant === undefined ? {} : { variant }),
});
const image = (text: string, on = platform('amd64'), created?: string): MadeManifest =>
  makeImage({
    platform: on,
    layers: [makeLayer([{ path: 'a', content: text }])],
    ...(created === undefined ? {} : { annotations: { 'org.opencontainers.image.created': created } }),
  });
const tagsOf = async ({ flow }: FlowFixture) =>
  (await flow.catalog.candidates.list({ limit: 1000 })).items.map(({ tag }) => tag).toSorted();
const requests = ({ upstream }: FlowFixture, part: string) =>
  upstream.requests.filter(({ path }) => path.includes(part));

describe('a sync with rules', () => {
  test('that name every tag lists none, and finds signatures all the same', async () => {
    await using fixture = await openFlow({ referrersApi: false });
    const app = image('1');
    fixture.upstream.push('app', app, '1.0', 'other');
    fixture.upstream.push('app', makeSignature('app', app), `${app.digest.replace(':', '-')}.sig`);
    const { state } = await fixture.sync(
      {},
      { repositories: ['app'], tags: { include: ['1.0', 'not-there'] } },
    );
    expect([state, await tagsOf(fixture)]).toEqual(['done', ['1.0']]);
    expect([requests(fixture, 'tags/list'), requests(fixture, '_catalog')]).toEqual([[], []]);
    const candidate = await fixture.flow.catalog.candidates.current('app', '1.0');
    expect(candidate?.companions.map(({ tag }) => tag)).toEqual([`${app.digest.replace(':', '-')}.sig`]);
  });

  test('takes the highest versions, and keeps what it has when there are newer ones', async () => {
    await using fixture = await openFlow();
    for (const tag of ['v1.9', 'v1.10', 'v1.2', 'nightly']) fixture.upstream.push('app', image(tag), tag);
    await fixture.sync({}, { tags: { latest: 2 } });
    expect(await tagsOf(fixture)).toEqual(['v1.10', 'v1.9']);
    fixture.upstream.push('app', image('v1.11'), 'v1.11');
    await fixture.sync({}, { tags: { latest: 2 } });
    expect(await tagsOf(fixture)).toEqual(['v1.10', 'v1.11', 'v1.9']);
  });

  test('by age fetches no layer of what it leaves, and asks for its time once', async () => {
    await using fixture = await openFlow();
    const [old, young] = [
      image('old', platform('amd64'), '2026-01-01T00:00:00Z'),
      image('young', platform('amd64'), '2026-11-20T00:00:00Z'),
    ];
    fixture.upstream.push('app', old, 'old');
    fixture.upstream.push('app', young, 'young');
    const rules = { tags: { notOlderThanMs: 30 * 86_400_000 } };
    const { plan } = await fixture.sync({ dryRun: true }, rules);
    expect(plan?.find(({ tag }) => tag === 'old')?.rule).toBe('tags.notOlderThan: 2026-01-01T00:00:00.000Z');
    await fixture.sync({}, rules);
    expect(await tagsOf(fixture)).toEqual(['young']);
    expect(requests(fixture, `/blobs/${old.blobs[1]?.digest}`)).toEqual([]);
  });

  test('the youngest N are taken by when they were made', async () => {
    await using fixture = await openFlow();
    for (const day of ['01', '02', '03'])
      fixture.upstream.push('app', image(day, platform('amd64'), `2026-11-${day}T00:00:00Z`), `d${day}`);
    await fixture.sync({}, { tags: { latest: 2, latestBy: 'created' } });
    expect(await tagsOf(fixture)).toEqual(['d02', 'd03']);
    expect((await fixture.flow.catalog.candidates.current('app', 'd03'))?.created).toBe(
      '2026-11-03T00:00:00.000Z',
    );
  });

  test('of some tags alone lists nothing and looks at no other', async () => {
    await using fixture = await openFlow({ referrersApi: false });
    for (const tag of ['1', '2']) fixture.upstream.push('app', image(tag), tag);
    const { state } = await fixture.sync({ items: [{ sourceRepository: 'app', tags: ['2'] }] });
    expect([state, await tagsOf(fixture)]).toEqual(['done', ['2']]);
    expect(requests(fixture, 'tags/list')).toEqual([]);
    expect(requests(fixture, '/manifests/1')).toEqual([]);
  });

  test('of a signature alone brings it to its image', async () => {
    await using fixture = await openFlow({ referrersApi: false });
    const app = image('1');
    const companion = `${app.digest.replace(':', '-')}.sig`;
    fixture.upstream.push('app', app, '1.0');
    await fixture.sync();
    fixture.upstream.push('app', makeSignature('app', app), companion);
    await fixture.sync({ items: [{ sourceRepository: 'app', tags: [companion] }] });
    expect(
      (await fixture.flow.catalog.candidates.current('app', '1.0'))?.companions.map(({ tag }) => tag),
    ).toEqual([companion]);
  });
});

describe('a sync of some platforms', () => {
  const [amd64, arm64, armv7] = [
    image('a'),
    image('b', platform('arm64', 'v8')),
    image('c', platform('arm', 'v7')),
  ];
  const index = makeIndex([amd64, arm64, armv7]);

  test('takes those children, of any variant, and the index keeps its bytes', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', index, '1');
    await fixture.sync({}, { platforms: ['linux/arm64'] });
    const { catalog, store } = fixture.flow;
    expect((await catalog.candidates.current('app', '1'))?.platforms).toEqual(['linux/arm64/v8']);
    expect((await store.read(index.digest, 1e6)).equals(index.bytes)).toBe(true);
    expect(await catalog.manifests.get(index.digest)).toMatchObject({
      manifests: [arm64.digest],
      absent: [amd64.digest, armv7.digest],
    });
    expect(requests(fixture, amd64.digest)).toEqual([]);
  });

  test('is completed when more are wanted later, though the tag has not moved', async () => {
    await using fixture = await openFlow();
    const nested = makeIndex([index]);
    fixture.upstream.push('app', nested, '1');
    await fixture.sync({}, { platforms: ['linux/amd64'] });
    fixture.upstream.forgetRequests();
    await fixture.sync({}, { platforms: ['linux/amd64'] });
    expect(requests(fixture, '/manifests/sha256')).toEqual([]);
    await fixture.sync();
    const { manifests } = fixture.flow.catalog;
    expect((await manifests.get(index.digest))?.manifests).toEqual([
      amd64.digest,
      arm64.digest,
      armv7.digest,
    ]);
    expect([
      (await manifests.get(index.digest))?.absent,
      (await manifests.get(nested.digest))?.absent,
    ]).toEqual([undefined, undefined]);
    expect(requests(fixture, `/manifests/${amd64.digest}`)).toEqual([]);
    expect((await fixture.flow.catalog.candidates.current('app', '1'))?.platforms).toHaveLength(0);
  });

  test('is promoted and published as far as it is here', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', index, '1');
    await fixture.sync({}, { platforms: ['linux/amd64'] });
    const id = await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
    await fixture.publisher.publishPending();
    expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe('done');
  });
});

test('a manifest graph of 2^40 paths over 41 manifests is fetched 41 times', async () => {
  await using fixture = await openFlow({ referrersApi: false });
  let level: MadeManifest = image('leaf');
  const all = [level];
  for (let depth = 0; depth < 40; depth++) {
    const descriptor = { mediaType: level.mediaType, digest: level.digest, size: level.size };
    const body = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [descriptor, descriptor],
    };
    level = makeManifest('application/vnd.oci.image.index.v1+json', body);
    all.push(level);
  }
  fixture.upstream.push('app', all[0] as MadeManifest);
  for (const made of all.slice(1)) fixture.upstream.putManifest('app', made.bytes, made.mediaType);
  fixture.upstream.putTag('app', '1', level.digest);
  expect(await fixture.sync()).toMatchObject({ state: 'done', errors: [] });
  expect(
    fixture.upstream.requests.filter(({ method, path }) => method === 'GET' && path.includes('/manifests/')),
  ).toHaveLength(41);
});

describe('a layer that must not be distributed', () => {
  const bytes = Buffer.from('a layer that its maker keeps');
  const made = (url: string): MadeManifest => {
    const config = makeBlob('application/vnd.docker.container.image.v1+json', '{}');
    const foreign = makeBlob('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', bytes);
    const { mediaType, digest, size } = foreign;
    const body = {
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: { mediaType: config.mediaType, digest: config.digest, size: config.size },
      layers: [{ mediaType, digest, size, urls: [url] }],
    };
    return makeManifest(body.mediaType, body, [config]);
  };

  test('is recorded and not fetched, and the image can be promoted without it', async () => {
    await using fixture = await openFlow();
    fixture.upstream.push('app', made('http://127.0.0.1:9/layer'), '1');
    expect(await fixture.sync()).toMatchObject({ state: 'done' });
    expect(await fixture.flow.store.stat(digestOf(bytes))).toBeUndefined();
    const id = await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'stable' });
    await fixture.publisher.publishPending();
    expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe('done');
  });

  test('is fetched from its own place where that is allowed, also when the tag was synced before', async () => {
    const maker = createServer((_request, response) => response.end(bytes)).listen(0, '127.0.0.1');
    await once(maker, 'listening');
    try {
      const { port } = maker.address() as AddressInfo;
      await using fixture = await openFlow();
      fixture.upstream.push('app', made(`http://127.0.0.1:${port}/layer`), '1');
      await fixture.sync();
      expect(await fixture.sync({}, { foreignLayers: true })).toMatchObject({ state: 'done', errors: [] });
      expect(await fixture.flow.store.stat(digestOf(bytes))).toEqual({ size: bytes.length });
    } finally {
      maker.close();
    }
  });
});
