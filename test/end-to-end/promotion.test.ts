import { randomUUID } from 'node:crypto';
import type { Page, Problem, Work } from '../clients/gantry-api.ts';
import { CANDIDATES, digestIn, everyKind, helloImage, push } from '../fixtures/build-registry.ts';
import { needs } from '../servers/parts.ts';
import { ask, openWorld, published, release, SOURCE, type World, WORLD_PARTS } from './world.ts';

/** From a build registry to the public by REST alone: what is promoted is there, and nothing else. */
const content = everyKind().filter(({ name }) => !/service-(?!0[0-2])/.test(name));
let world: World;
const real = needs(...WORLD_PARTS).showing(() => world?.servers ?? []);

real.beforeAll(async () => {
  world = await openWorld(content);
}, 60_000);

real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

real.test('an empty tree is no error: the crane answers, and says that it is not ready', async () => {
  expect((await ask(world.gantry, '')).status).toBe(200);
  expect((await ask(world.gantry, 'plain/oci/manifests/latest')).status).toBe(404);
  expect((await fetch(`${world.gantry.admin}/readyz`)).status).toBe(503);
});

real.test(
  'a sync finds every tag of the source, with the digests that the build registry has, and nothing beside it',
  async () => {
    const synced = await world.gantry.api.sync(SOURCE);
    expect(synced).toMatchObject({ state: 'done', errors: [] });
    const candidates = await world.gantry.api.candidates();
    const expected = content
      .filter(({ name }) => name.startsWith(CANDIDATES))
      .flatMap(({ name, tags }) =>
        [...tags].map(([tag, { digest }]) => ({ repository: name.slice(CANDIDATES.length), tag, digest })),
      );
    expect(digestsByName(candidates)).toEqual(digestsByName(expected));
    const index = (await world.gantry.api.candidates()).find(
      ({ repository }) => repository === 'multi/index',
    );
    expect(index).toMatchObject({
      source: SOURCE,
      sourceRepository: 'candidate/multi/index',
      mediaType: 'application/vnd.oci.image.index.v1+json',
      platforms: ['linux/amd64', 'linux/arm64'],
    });
  },
  60_000,
);

real.test('a layer that many images share was fetched once', async () => {
  const shared = helloImage('any').blobs[1]?.digest as string;
  const fetched = world.registry
    .requests()
    .filter((request) => request.startsWith('GET ') && request.includes(shared));
  expect(fetched).toHaveLength(1);
});

real.test(
  'a second sync with no change asks for no manifest and no blob: HEAD requests are enough',
  async () => {
    const before = world.registry.requests().length;
    expect((await world.gantry.api.sync(SOURCE)).state).toBe('done');
    const asked = world.registry.requests().slice(before);
    expect(asked.filter((request) => /^HEAD \S+\/manifests\//.test(request)).length).toBeGreaterThan(10);
    expect(asked.filter((request) => /^GET \S+\/(manifests|blobs)\//.test(request))).toEqual([]);
  },
  60_000,
);

real.test(
  'what is promoted is public, under its channel prefix and new tags; what is not promoted is 404',
  async () => {
    await release(world, 'testing', [{ repository: 'multi/index', reference: '1', tags: ['next', '1'] }]);
    const digest = digestIn(content, 'multi/index', '1');
    for (const tag of ['next', '1'])
      expect(await published(world.gantry, 'testing/multi/index', tag)).toBe(digest);
    expect(await published(world.gantry, 'multi/index', '1')).toBe(404);
    const absent = await ask(world.gantry, 'plain/oci/manifests/latest');
    expect(absent.status).toBe(404);
    const { errors } = (await absent.json()) as { errors: { code: string }[] };
    expect(['NAME_UNKNOWN', 'MANIFEST_UNKNOWN']).toContain(errors[0]?.code);
    const tags = await ask(world.gantry, 'testing/multi/index/tags/list');
    expect(await tags.json()).toEqual({ name: 'testing/multi/index', tags: ['1', 'next'] });
  },
  60_000,
);

real.test(
  'moving a tag in the build registry and syncing it changes nothing public until it is promoted',
  async () => {
    await release(world, 'stable', [{ repository: 'plain/docker', reference: 'latest' }]);
    const latest = () => published(world.gantry, 'plain/docker', 'latest');
    const former = digestIn(content, 'plain/docker', 'latest');
    expect(await latest()).toBe(former);

    const moved = helloImage('docker, moved', { format: 'docker' });
    await push(world.registry, `${CANDIDATES}plain/docker`, moved, 'latest');
    expect((await world.gantry.api.sync(SOURCE)).state).toBe('done');
    const known = await world.gantry.api.call<Page<{ digest: string }>>(
      'GET',
      '/api/v1/candidates?repository=plain/docker&tag=latest',
    );
    expect(known.body.items[0]?.digest).toBe(moved.digest);
    // A publication in between doesn't take it along either.
    await release(world, 'stable', [{ repository: 'charts/web', reference: '0.1.0' }]);
    expect(await latest()).toBe(former);
    expect(await published(world.gantry, 'plain/docker', moved.digest)).toBe(404);

    await release(world, 'stable', [{ repository: 'plain/docker', reference: 'latest' }]);
    expect(await latest()).toBe(moved.digest);
    // What was there goes on for those who deploy by digest.
    expect(await published(world.gantry, 'plain/docker', former)).toBe(former);
  },
  60_000,
);

real.test(
  'what belongs to an image goes with it: its signature by its tag, its bill of materials by the referrers API',
  async () => {
    await release(world, 'stable', [{ repository: 'signed/app', reference: '2.0' }]);
    const app = digestIn(content, 'signed/app', '2.0');
    const signature = `${app.replace(':', '-')}.sig`;
    expect(await published(world.gantry, 'signed/app', signature)).toBe(
      digestIn(content, 'signed/app', signature),
    );
    const response = await ask(world.gantry, `signed/app/referrers/${app}`);
    expect(response.headers.get('content-type')).toBe('application/vnd.oci.image.index.v1+json');
    const fallback = content
      .find(({ name }) => name === `${CANDIDATES}signed/app`)
      ?.tags.get(app.replace(':', '-'));
    const { manifests } = JSON.parse(fallback?.bytes.toString() ?? '') as { manifests: object[] };
    expect(((await response.json()) as { manifests: object[] }).manifests).toEqual(manifests);
    const filtered = await ask(world.gantry, `signed/app/referrers/${app}?artifactType=none/such`);
    expect(await filtered.json()).toMatchObject({ manifests: [] });
  },
  60_000,
);

real.test(
  'the same Idempotency-Key gives the same promotion, and is refused with another body',
  async () => {
    const headers = { 'Idempotency-Key': randomUUID() };
    const body = { items: [{ repository: 'plain/oci', reference: 'v1.2.3' }], to: 'stable' };
    const call = (sent: object) =>
      world.gantry.api.call<Work & Problem>('POST', '/api/v1/promotions', { body: sent, headers });
    const first = await call(body);
    expect(first.status).toBe(202);
    expect(first.headers.get('location')).toContain(`/api/v1/promotions/${first.body.id}`);
    const ended = await world.gantry.api.promotionEnded(first.body.id);
    expect(ended.state).toBe('done');
    const again = await call(body);
    expect(again.body.id).toBe(first.body.id);
    const other = await call({ ...body, to: 'testing' });
    expect(other.status).toBe(422);
    expect(other.body.type).toBe('urn:gantry:problem:idempotency-key-reused');
    expect(other.headers.get('content-type')).toContain('application/problem+json');
  },
  60_000,
);

real.test(
  'a dry run says what would be promoted and changes nothing',
  async () => {
    const serial = await currentSerial();
    const { status } = await world.gantry.api.call('POST', '/api/v1/promotions', {
      body: { items: [{ repository: 'multi/list', reference: '1' }], to: 'stable', dryRun: true },
    });
    expect(status).toBe(200);
    expect(await currentSerial()).toBe(serial);
    expect(await published(world.gantry, 'multi/list', '1')).toBe(404);
  },
  60_000,
);

real.test(
  'a rollback brings the old tags back, and the next publication does not undo it',
  async () => {
    const before = await release(world, 'stable', [{ repository: 'team/service-00', reference: 'stable' }]);
    await release(world, 'stable', [
      { repository: 'team/service-01', reference: 'stable', tags: ['stable', 'extra'] },
    ]);
    const started = await world.gantry.api.call<Work>('POST', `/api/v1/publications/${before}/rollback`, {
      body: { channel: 'stable', reason: 'the tests want it' },
      headers: { 'Idempotency-Key': randomUUID() },
    });
    expect(started.status).toBe(202);
    expect((await world.gantry.api.promotionEnded(started.body.id)).state).toBe('done');
    expect(await published(world.gantry, 'team/service-01', 'extra')).toBe(404);
    expect(await published(world.gantry, 'team/service-00', 'stable')).toMatch(/^sha256:/);
    await release(world, 'stable', [{ repository: 'team/service-02', reference: 'stable' }]);
    expect(await published(world.gantry, 'team/service-01', 'extra')).toBe(404);
    expect(await published(world.gantry, 'team/service-02', 'stable')).toMatch(/^sha256:/);
  },
  60_000,
);

async function currentSerial(): Promise<number> {
  const { body } = await world.gantry.api.call<Page<{ serial: number }>>(
    'GET',
    '/api/v1/publications?limit=1',
  );
  return body.items[0]?.serial ?? 0;
}

/** The digest of each `repository:tag`, those left out that belong to an image by their name. */
function digestsByName(
  tags: readonly { repository: string; tag: string; digest: string }[],
): Record<string, string> {
  const own = tags.filter(({ tag }) => !tag.startsWith('sha256-'));
  return Object.fromEntries(own.map(({ repository, tag, digest }) => [`${repository}:${tag}`, digest]));
}
