import { rm } from 'node:fs/promises';
import { digestOf } from '@gantry/oci';
import { hasFiles } from '@gantry/store';
import { makeImage, makeIndex, makeLayer, makeSbom } from '@gantry/registry';
import { type FlowFixture, openFlow } from '../../flow.fixture.ts';
import { planPromotion } from '../../promote/plan.ts';
import { recordTask } from '../../work/create-task.ts';
import { collectStore } from './collect-store.ts';
import type { KeepRule } from './keep-candidates.ts';
import type { CollectStoreOptions, StoreCollection } from './store-collection.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const layer = (text: string) => makeLayer([{ path: 'a', content: text }]);
const image = (text: string) => makeImage({ platform: amd64, layers: [layer('base'), layer(text)] });
const GRACE_MS = 86_400_000;

const collect = (
  { flow, tree }: FlowFixture,
  keep?: KeepRule,
  also: Partial<CollectStoreOptions> = {},
): Promise<StoreCollection> =>
  collectStore(flow, {
    sources: [{ name: 'candidates', ...(keep === undefined ? {} : { keep }) }],
    trees: [tree],
    graceMs: GRACE_MS,
    ...also,
  });

function later(fixture: FlowFixture, ms: number): void {
  fixture.clock = new Date(fixture.clock.getTime() + ms);
}

/** Versions of one tag, synced one after the other: the former ones are older candidates. */
async function openMoved(...texts: string[]): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const text of texts) {
    fixture.upstream.push('app', image(text), 'latest');
    await fixture.sync();
    later(fixture, 60_000);
  }
  return fixture;
}

const blobsOf = (one: ReturnType<typeof image>) => [one.digest, ...one.blobs.map(({ digest }) => digest)];
const missingOf = async ({ flow }: FlowFixture, ...images: ReturnType<typeof image>[]) => {
  const missing: string[] = [];
  for (const digest of images.flatMap(blobsOf))
    if ((await flow.store.stat(digest)) === undefined) missing.push(digest);
  return missing;
};
const noted = async ({ flow }: FlowFixture) => (await flow.catalog.garbage.list({ limit: 1000 })).items;

describe('a collection of the store', () => {
  test('gives old candidates up, condemns what they alone had, and deletes it after the grace', async () => {
    await using fixture = await openMoved('1', '2', '3');
    const { catalog } = fixture.flow;
    const first = await collect(fixture, { latest: 2 });
    expect(first).toMatchObject({
      candidates: { kept: 2, givenUp: 1 },
      condemned: { blobs: 3 },
      freed: { blobs: 0, bytes: 0 },
      waiting: { blobs: 3, nextAt: new Date(fixture.clock.getTime() + GRACE_MS).toISOString() },
      missing: { count: 0 },
    });
    expect(first.kept.candidates.blobs).toBe(7); // two images, one base
    const old = image('1');
    expect((await noted(fixture)).map(({ digest }) => digest).toSorted()).toEqual(
      blobsOf(old)
        .filter((digest) => digest !== layer('base').digest)
        .toSorted(),
    );

    later(fixture, GRACE_MS - 1);
    expect((await collect(fixture, { latest: 2 })).freed.blobs).toBe(0);
    later(fixture, 1);
    const last = await collect(fixture, { latest: 2 });
    expect(last).toMatchObject({
      freed: first.condemned,
      condemned: { blobs: 0 },
      waiting: { nextAt: null },
    });
    expect(await noted(fixture)).toEqual([]);
    expect(await catalog.manifests.get(old.digest)).toBeUndefined();
    expect(await fixture.flow.store.stat(layer('1').digest)).toBeUndefined();
    expect(await missingOf(fixture, image('2'), image('3'))).toEqual([]);
    expect((await catalog.candidates.byDigest('app', old.digest))?.collectedAt).toBeDefined();
  });

  test('without "keep" frees nothing, and says why', async () => {
    await using fixture = await openMoved('1', '2');
    const result = await collect(fixture);
    expect(result).toMatchObject({ candidates: { kept: 2, givenUp: 0 }, condemned: { blobs: 0 } });
    expect(result.reasons).toEqual([
      'The source candidates has no "keep": candidates are kept for good (2 now). Set sources[].keep to give old ones up.',
    ]);
  });

  test('keeps what is left of an image without a record, as a scrub leaves one that is damaged', async () => {
    await using fixture = await openFlow();
    const { catalog, store } = fixture.flow;
    const arm64 = makeImage({
      platform: { os: 'linux', architecture: 'arm64' },
      layers: [layer('base'), layer('arm')],
    });
    const index = makeIndex([image('1'), arm64]);
    fixture.upstream.push('app', index, 'latest');
    await fixture.sync();
    await store.delete(layer('1').digest);
    await catalog.manifests.remove([index.digest, image('1').digest]);
    const { condemned, missing } = await collect(fixture, { latest: 1 });
    expect(condemned.blobs).toBe(0);
    expect(missing.digests).toEqual([index.digest, image('1').digest, layer('1').digest].toSorted());
  });

  test('that is dry says the same, and writes nothing', async () => {
    await using fixture = await openMoved('1', '2');
    const dry = await collect(fixture, { latest: 1 }, { dryRun: true });
    expect(await noted(fixture)).toEqual([]);
    expect(
      (await fixture.flow.catalog.candidates.byDigest('app', image('1').digest))?.collectedAt,
    ).toBeUndefined();
    expect(await collect(fixture, { latest: 1 })).toEqual(dry);
    later(fixture, GRACE_MS);
    const freed = await collect(fixture, { latest: 1 }, { dryRun: true });
    expect(freed.freed).toEqual(dry.condemned);
    expect(await missingOf(fixture, image('1'))).toEqual([]);
    expect(await collect(fixture, { latest: 1 })).toEqual(freed);
  });

  test('keeps what a channel, an open promotion, a plan and a retained snapshot use', async () => {
    await using fixture = await openMoved('tagged', 'promoted', 'planned', 'former', 'newest');
    const { flow, publisher } = fixture;
    const promote = (text: string) =>
      fixture.promote({
        items: [{ repository: 'app', reference: image(text).digest, tags: ['v'] }],
        to: 'stable',
      });
    await promote('former');
    await publisher.publishPending();
    await promote('tagged'); // "former" is in a snapshot alone then
    await publisher.publishPending();
    await promote('promoted');
    const request = {
      items: [{ repository: 'app', reference: image('planned').digest, tags: ['p'] }],
      to: 'stable',
    };
    await planPromotion(flow, fixture.channels, request, { name: 'tester' });

    const first = await collect(fixture, { latest: 1 });
    expect(first).toMatchObject({
      candidates: { kept: 4, givenUp: 1 },
      condemned: { blobs: 0 },
      kept: { snapshots: { blobs: 3 } },
    });
    expect(first.reasons.join()).toContain('retained snapshots of main');

    // The plan expires; the promotion is published.
    later(fixture, 2 * GRACE_MS);
    await publisher.publishPending();
    await collect(fixture, { latest: 1 });
    later(fixture, GRACE_MS);
    expect(await collect(fixture, { latest: 1 })).toMatchObject({ freed: { blobs: 3 } });
    expect(await missingOf(fixture, image('planned'))).toHaveLength(3);
    expect(
      await missingOf(fixture, image('tagged'), image('promoted'), image('former'), image('newest')),
    ).toEqual([]);
  });

  test('keeps what a plan, then a promotion, then a channel uses, also where no candidate has it any more', async () => {
    await using fixture = await openMoved('old', 'newest');
    const { flow, publisher } = fixture;
    const items = [{ repository: 'app', reference: image('old').digest, tags: ['v'] }];
    const forget = async () => {
      const candidate = await flow.catalog.candidates.byDigest('app', image('old').digest);
      if (candidate !== undefined) await flow.catalog.candidates.remove([candidate]);
      return candidate;
    };
    await planPromotion(flow, fixture.channels, { items, to: 'private' }, { name: 'tester' });
    const candidate = await forget();
    if (candidate === undefined) throw new Error('the candidate was known');
    expect((await collect(fixture, { latest: 1 })).kept.plans.blobs).toBe(3);

    await flow.catalog.candidates.put(candidate);
    await fixture.promote({ items, to: 'private' });
    await forget();
    later(fixture, 2 * GRACE_MS);
    expect((await collect(fixture, { latest: 1 })).kept.promotions.blobs).toBe(3);

    await publisher.publishPending();
    expect((await collect(fixture, { latest: 1 })).kept).toMatchObject({
      channels: { blobs: 3 },
      snapshots: { blobs: 0 },
    });
  });

  test('keeps what belongs to an image that is kept', async () => {
    await using fixture = await openFlow();
    const index = makeIndex([image('a')]);
    const sbom = makeSbom(index, 'an sbom');
    fixture.upstream.push('app', index, 'latest');
    fixture.upstream.push('app', sbom);
    await fixture.sync();
    await collect(fixture, { latest: 1 });
    later(fixture, GRACE_MS);
    expect(await collect(fixture, { latest: 1 })).toMatchObject({
      freed: { blobs: 0 },
      missing: { count: 0 },
    });
    expect(await fixture.flow.store.stat(sbom.digest)).toBeDefined();
  });

  test('takes back what is reached again', async () => {
    await using fixture = await openMoved('1', '2');
    await collect(fixture, { latest: 1 });
    const { catalog } = fixture.flow;
    const old = await catalog.candidates.byDigest('app', image('1').digest);
    if (old === undefined) throw new Error('the candidate is known');
    const { collectedAt: _, ...whole } = old;
    await catalog.candidates.put(whole);
    expect(await collect(fixture)).toMatchObject({ spared: { blobs: 3 }, waiting: { blobs: 0 } });
    expect(await noted(fixture)).toEqual([]);
  });

  test('names what is missing, and goes on', async () => {
    await using fixture = await openMoved('1', '2');
    const { store } = fixture.flow;
    if (!hasFiles(store)) throw new Error('the store has files');
    await rm(store.pathOf(layer('2').digest));
    const result = await collect(fixture, { latest: 1 });
    expect(result.missing).toEqual({ count: 1, digests: [layer('2').digest] });
    expect(result.condemned.blobs).toBe(3);
    expect(result.reasons.join()).toContain(
      `1 manifests or blobs that are needed are not in the store: ${layer('2').digest}. Sync`,
    );
    // As it says: whoever asks for the repository gets it again, though its records say that all is here.
    await fixture.sync({ repositories: ['app'] });
    expect((await collect(fixture, { latest: 1 })).missing.count).toBe(0);
  });

  test('goes on where a former one was cut off, whatever it was at', async () => {
    await using fixture = await openMoved('1', '2');
    const { garbage } = fixture.flow.catalog;
    await collect(fixture, { latest: 1 });
    later(fixture, GRACE_MS);
    const digests = (await noted(fixture)).map(({ digest }) => digest);
    await garbage.claim(digests, fixture.clock.toISOString());
    expect(await collect(fixture, { latest: 1 })).toMatchObject({ freed: { blobs: 3 } });
    expect(await noted(fixture)).toEqual([]);
    expect(await missingOf(fixture, image('1'))).toHaveLength(3);
  });

  test('leaves what a restored catalog says is going, and something needs by now', async () => {
    await using fixture = await openMoved('1', '2');
    const { garbage } = fixture.flow.catalog;
    const needed = blobsOf(image('2')).map((digest) => ({ digest, size: 1 }));
    const at = fixture.clock.toISOString();
    await garbage.condemn(needed, at);
    await garbage.claim(blobsOf(image('2')), at);
    expect(await collect(fixture)).toMatchObject({ freed: { blobs: 0 }, spared: { blobs: 4 } });
    expect(await noted(fixture)).toEqual([]);
    expect(await missingOf(fixture, image('2'))).toEqual([]);
  });

  test('forgets what was taken out of the store by others', async () => {
    await using fixture = await openMoved('1', '2');
    await collect(fixture, { latest: 1 });
    await fixture.flow.store.delete(layer('1').digest);
    later(fixture, GRACE_MS);
    await collect(fixture, { latest: 1 });
    expect(await noted(fixture)).toEqual([]);
  });

  test('deletes what lies there without a record', async () => {
    await using fixture = await openMoved('1');
    const bytes = Buffer.from('left behind');
    const writer = await fixture.flow.store.write(digestOf(bytes), bytes.length);
    await writer.append(bytes);
    await writer.commit();
    await collect(fixture);
    later(fixture, GRACE_MS);
    expect((await collect(fixture)).freed).toEqual({ blobs: 1, bytes: bytes.length });
  });

  test('waits for a sync that ran when it was condemned', async () => {
    await using fixture = await openMoved('1', '2');
    const { catalog } = fixture.flow;
    const task = await recordTask(fixture.flow, 'sync', { source: 'candidates' });
    const running = await catalog.tasks.replace({
      ...task,
      state: 'running',
      startedAt: fixture.clock.toISOString(),
    });
    if (running === undefined) throw new Error('the task is new');
    later(fixture, 1000);
    await collect(fixture, { latest: 1 });
    later(fixture, 10 * GRACE_MS);
    const waiting = await collect(fixture, { latest: 1 });
    expect(waiting).toMatchObject({ freed: { blobs: 0 }, waiting: { blobs: 3 } });
    expect(waiting.reasons.join()).toContain(
      `A sync of candidates runs since ${running.startedAt} (task ${task.id})`,
    );
    await catalog.tasks.replace({ ...running, state: 'done' });
    expect((await collect(fixture, { latest: 1 })).freed.blobs).toBe(3);
  });
});

describe('what is condemned', () => {
  test('comes back with a sync that meets it, without being fetched again', async () => {
    await using fixture = await openMoved('1', '2');
    await collect(fixture, { latest: 1 });
    fixture.upstream.push('app', image('1'), 'latest'); // back to the former one
    fixture.upstream.forgetRequests();
    expect((await fixture.sync()).state).toBe('done');
    expect(
      fixture.upstream.requests.filter(({ method }) => method === 'GET').map(({ path }) => path),
    ).not.toContain(`/v2/app/blobs/${layer('1').digest}`);
    expect(await noted(fixture)).toEqual([]);
    expect((await fixture.flow.catalog.candidates.current('app', 'latest'))?.collectedAt).toBeUndefined();
  });

  test('and is going is waited for, deleted by the sync where nobody is at it, and fetched anew', async () => {
    await using fixture = await openMoved('1', '2');
    const { garbage } = fixture.flow.catalog;
    await collect(fixture, { latest: 1 });
    await garbage.claim([layer('1').digest], '9999');
    fixture.upstream.push('app', image('1'), 'latest');
    fixture.upstream.forgetRequests();
    expect((await fixture.sync()).state).toBe('done');
    expect(fixture.upstream.requests.map(({ path }) => path)).toContain(`/v2/app/blobs/${layer('1').digest}`);
    expect(await noted(fixture)).toEqual([]);
    expect(await missingOf(fixture, image('1'))).toEqual([]);
  });

  test('and is shared comes back with a manifest that is new', async () => {
    await using fixture = await openMoved('1', '2');
    await collect(fixture, { latest: 1 });
    fixture.upstream.push(
      'app',
      makeImage({ platform: amd64, layers: [layer('1'), layer('new')] }),
      'latest',
    );
    await fixture.sync();
    expect((await noted(fixture)).map(({ digest }) => digest)).not.toContain(layer('1').digest);
  });

  test('comes back with a promotion that needs it; one that comes too late is refused by name', async () => {
    await using fixture = await openMoved('1', '2');
    const { catalog } = fixture.flow;
    const promote = (tag: string) =>
      fixture.promote({
        items: [{ repository: 'app', reference: image('1').digest, tags: [tag] }],
        to: 'stable',
      });
    const condemn = async () => {
      const blobs = [image('1').digest, layer('1').digest].map((digest) => ({ digest, size: 1 }));
      await catalog.garbage.condemn(blobs, fixture.clock.toISOString());
    };
    await condemn();
    await promote('in-time');
    expect(await noted(fixture)).toEqual([]);

    await condemn();
    await catalog.garbage.claim([layer('1').digest], '9999');
    const late = await catalog.promotions.get(await promote('late'));
    expect(late).toMatchObject({
      state: 'refused',
      items: [{ state: 'refused', problem: { detail: expect.stringContaining('app') as string } }],
    });
    expect(late?.items[0]?.problem?.detail).toContain('was given up, and is being deleted: sync it again');
  });

  test('a candidate that was given up is left alone by a sync, refused by a promotion, and comes back by its name', async () => {
    await using fixture = await openMoved('1');
    fixture.upstream.push('app', image('2'), 'other');
    await fixture.sync();
    await collect(fixture, { latest: 1 });
    later(fixture, GRACE_MS);
    await collect(fixture, { latest: 1 });
    expect(await missingOf(fixture, image('1'))).toHaveLength(3);

    await fixture.sync();
    expect(await missingOf(fixture, image('1'))).toHaveLength(3);
    const id = await fixture.promote({ items: [{ repository: 'app', reference: 'latest' }], to: 'stable' });
    expect((await fixture.flow.catalog.promotions.get(id))?.items[0]?.problem?.detail).toMatch(
      /^the content of app:latest \(sha256:.*\) was given up on 2026-11-21, as sources\[\]\.keep of candidates says: bring it back by/,
    );

    await fixture.sync({ items: [{ sourceRepository: 'app', tags: ['latest'] }] });
    expect(await missingOf(fixture, image('1'))).toEqual([]);
    expect(await fixture.flow.catalog.candidates.current('app', 'latest')).toMatchObject({
      syncedAt: fixture.clock.toISOString(),
    });
  });
});
