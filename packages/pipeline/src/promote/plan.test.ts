import type { Plan } from '@gantry/catalog';
import { type Digest, digestOf } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer, makeSbom } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from './accept.ts';
import { forgetPlans, planPromotion } from './plan.ts';
import { runPromotion } from './run-promotion.ts';
import type { PromotionRequest, RequestedItem, Requester } from './request.ts';

const base = makeLayer([{ path: 'base', content: 'base' }]);
const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [base, makeLayer([{ path: 'a', content: text }])],
  });
const BOT: Requester = { name: 'bot' };

async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', image('1'), '1.0');
  fixture.upstream.push('app', image('2'), '1.1');
  await fixture.sync();
  return fixture;
}

const planOf = (
  { flow, channels }: FlowFixture,
  items: readonly RequestedItem[],
  more: Partial<PromotionRequest> = {},
) => planPromotion(flow, channels, { items, to: 'stable', ...more }, BOT);

const apply = ({ flow, channels }: FlowFixture, plan: Plan, ifMatch?: string, by = BOT) =>
  acceptPromotion(flow, channels, { plan: plan.id, to: plan.to }, by, ifMatch);

const get = async ({ flow }: FlowFixture, id: string) => (await flow.catalog.promotions.get(id))!;

async function publish(fixture: FlowFixture, repository: string, reference: string, ...tags: string[]) {
  await fixture.promote({ items: [{ repository, reference, tags }], to: 'stable' });
  await fixture.publisher.publishPending();
}

async function tagsOf({ treeSource }: FlowFixture, name = 'app'): Promise<Record<string, Digest>> {
  return Object.fromEntries((await (await openTree(treeSource))?.repository(name))?.tags ?? []);
}

describe('a plan', () => {
  test('says what would be added, moved, left and refused, is kept, and changes nothing', async () => {
    await using fixture = await openSynced();
    await publish(fixture, 'app', '1.0', 'same', 'old');
    const before = await openTree(fixture.treeSource);
    const plan = await planOf(fixture, [
      { repository: 'app', reference: '1.0', tags: ['same', 'more'] },
      { repository: 'app', reference: '1.1', tags: ['old'] },
      { repository: 'none', reference: '1' },
    ]);
    const [old, fresh] = [image('1').digest, image('2').digest];
    expect(plan).toMatchObject({
      to: 'stable',
      atomic: false,
      requestedBy: 'bot',
      createdAt: '2026-11-21T09:00:00.000Z',
      expiresAt: '2026-11-22T09:00:00.000Z',
    });
    expect(plan.items.map(({ digest, tags, problem }) => [digest, tags, problem?.type])).toEqual([
      [
        old,
        [
          { tag: 'same', action: 'noop', from: old },
          { tag: 'more', action: 'add' },
        ],
        undefined,
      ],
      [fresh, [{ tag: 'old', action: 'move', from: old }], undefined],
      [null, [{ tag: '1', action: 'refuse' }], 'urn:gantry:problem:reference-unknown'],
    ]);
    // The second image's manifest, config and own layer; the base is there.
    const { size, blobs } = (await fixture.flow.catalog.manifests.getAll([fresh])).get(fresh)!;
    const bytes = size + blobs.reduce((sum, blob) => sum + (blob.digest === base.digest ? 0 : blob.size), 0);
    expect(plan.totals).toEqual({ adds: 1, moves: 1, noops: 1, refusals: 1, objects: 3, bytes });
    expect(await fixture.flow.catalog.plans.get(plan.id)).toEqual(plan);
    expect((await openTree(fixture.treeSource))?.statement).toEqual(before?.statement);
    expect(await fixture.flow.catalog.channels.tag('stable', 'app', 'more')).toBeUndefined();
  });

  test('has an etag that is made of what it says', async () => {
    await using fixture = await openSynced();
    const items = [{ repository: 'app', reference: '1.0' }];
    const [one, same, other] = [
      await planOf(fixture, items),
      await planOf(fixture, items),
      await planOf(fixture, items, { atomic: true }),
    ];
    expect(one.etag).toBe(same.etag);
    expect(one.id).not.toBe(same.id);
    expect(other.etag).not.toBe(one.etag);
  });

  test('counts what a channel that is kept out of the tree brings into it as nothing', async () => {
    await using fixture = await openSynced();
    const plan = await planOf(fixture, [{ repository: 'app', reference: '1.0' }], { to: 'private' });
    expect(plan.totals).toMatchObject({ adds: 1, objects: 0, bytes: 0 });
  });

  test('counts an index, its children and what refers to them, each once', async () => {
    await using fixture = await openFlow();
    const index = makeIndex([image('1'), image('2')]);
    fixture.upstream.push('app', index, '1', '2');
    fixture.upstream.push('app', makeSbom(index, 'app'));
    await fixture.sync();
    const plan = await planOf(fixture, [
      { repository: 'app', reference: '1' },
      { repository: 'app', reference: '2' },
    ]);
    const id = await fixture.promote({ plan: plan.id, to: 'stable' });
    await fixture.publisher.publishPending();
    const publication = await fixture.flow.catalog.publications.get('main', (await get(fixture, id)).serial!);
    const documents = (publication?.added.objects ?? 0) - plan.totals.objects;
    expect(plan.totals.objects).toBe(11); // four manifests; two configs and three layers of images, config and layer of the SBOM
    expect(documents).toBe(4); // root, shard, repository, referrers
  });

  test('that is atomic says that all is refused with one', async () => {
    await using fixture = await openSynced();
    const items = [
      { repository: 'app', reference: '1.0' },
      { repository: 'app', reference: 'gone' },
    ];
    const plan = await planOf(fixture, items, { atomic: true });
    expect(plan.items.map(({ tags, problem }) => [tags[0]?.action, problem?.type])).toEqual([
      ['refuse', 'urn:gantry:problem:conflict'],
      ['refuse', 'urn:gantry:problem:reference-unknown'],
    ]);
    expect((await apply(fixture, plan)).promotion.state).toBe('refused');
  });

  test('is forgotten a day after it has expired', async () => {
    await using fixture = await openSynced();
    const plan = await planOf(fixture, [{ repository: 'app', reference: '1.0' }]);
    fixture.clock = new Date('2026-11-23T08:59:59.999Z');
    await forgetPlans(fixture.flow);
    expect(await fixture.flow.catalog.plans.get(plan.id)).toBeDefined();
    fixture.clock = new Date('2026-11-23T09:00:00.001Z');
    await forgetPlans(fixture.flow);
    await expect(apply(fixture, plan)).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });
  });
});

describe('a plan that is applied', () => {
  test('is done as it says, whatever its tags mean by then, and without what it refuses', async () => {
    await using fixture = await openSynced();
    const plan = await planOf(fixture, [
      { repository: 'app', reference: '1.0', tags: ['latest'] },
      { repository: 'none', reference: '1' },
    ]);
    fixture.upstream.push('app', image('moved'), '1.0');
    fixture.upstream.push('none', image('late'), '1');
    await fixture.sync();
    const { promotion } = await apply(fixture, plan);
    expect(promotion).toMatchObject({
      plan: plan.id,
      items: [
        { digest: image('1').digest, tags: ['latest'], bases: { latest: null }, state: 'accepted' },
        { state: 'refused', problem: { type: 'urn:gantry:problem:reference-unknown' } },
      ],
    });
    const id = await fixture.promote({ plan: plan.id, to: 'stable' });
    await fixture.publisher.publishPending();
    expect(await get(fixture, id)).toMatchObject({ state: 'partial', serial: 1 });
    expect(await tagsOf(fixture)).toEqual({ latest: image('1').digest });
    expect(await tagsOf(fixture, 'none')).toEqual({});
  });

  test('is refused when its base has moved, naming each tag, from what to what', async () => {
    await using fixture = await openSynced();
    await publish(fixture, 'app', '1.0', 'latest', 'other');
    const plan = await planOf(fixture, [
      { repository: 'app', reference: '1.1', tags: ['latest', 'new', 'other'] },
    ]);
    await publish(fixture, 'app', '1.1', 'latest', 'new');
    const [from, to] = [image('1').digest, image('2').digest];
    await expect(apply(fixture, plan)).rejects.toMatchObject({
      code: 'PRECONDITION_FAILED',
      message: expect.stringMatching(
        new RegExp(`Moved: app:latest from ${from} to ${to}; app:new from nothing to ${to}$`),
      ),
      details: { plan: plan.id, moved: 2 },
    });
    expect((await fixture.flow.catalog.promotions.list({ limit: 10 })).items).toHaveLength(2);
  });

  test('is refused when it expired, has another etag, or is for another channel', async () => {
    await using fixture = await openSynced();
    const plan = await planOf(fixture, [{ repository: 'app', reference: '1.0' }]);
    const failed = { code: 'PRECONDITION_FAILED' };
    await expect(apply(fixture, plan, `"${digestOf('other')}"`)).rejects.toMatchObject(failed);
    await expect(apply(fixture, plan, `W/"${plan.etag}"`)).rejects.toMatchObject(failed);
    await expect(apply(fixture, { ...plan, to: 'testing' })).rejects.toMatchObject({
      code: 'REQUEST_UNPROCESSABLE',
    });
    await expect(apply(fixture, { ...plan, id: 'none' })).rejects.toMatchObject({ code: 'PLAN_UNKNOWN' });
    for (const right of ['*', `"x", "${plan.etag}"`])
      expect((await apply(fixture, plan, right)).promotion.state).toBe('queued');
    fixture.clock = new Date(plan.expiresAt);
    await expect(apply(fixture, plan)).rejects.toMatchObject(failed);
  });

  test('that was applied with the same key before is that promotion, whatever has moved since', async () => {
    await using fixture = await openSynced();
    const plan = await planOf(fixture, [{ repository: 'app', reference: '1.0', tags: ['latest'] }]);
    const by = { ...BOT, idempotencyKey: 'bot 1' };
    const { promotion } = await apply(fixture, plan, undefined, by);
    await publish(fixture, 'app', '1.1', 'latest');
    const again = await apply(fixture, plan, undefined, by);
    expect([again.created, again.promotion.id]).toEqual([false, promotion.id]);
  });

  test.each([
    [false, 'partial', ['latest', 'v1']],
    [true, 'refused', ['latest']],
  ])(
    'refuses what has moved before it is published, and overwrites nothing (atomic: %s)',
    async (atomic, state, expected) => {
      await using fixture = await openSynced();
      await publish(fixture, 'app', '1.0', 'latest');
      const plan = await planOf(
        fixture,
        [
          { repository: 'app', reference: '1.1', tags: ['latest'] },
          { repository: 'app', reference: '1.0', tags: ['v1'] },
        ],
        { atomic },
      );
      fixture.upstream.push('app', image('3'), '1.2');
      await fixture.sync();
      const id = await fixture.promote({ plan: plan.id, to: 'stable' });
      const { flow, channels } = fixture;
      const other = { items: [{ repository: 'app', reference: '1.2', tags: ['latest'] }], to: 'stable' };
      const { promotion: later } = await acceptPromotion(flow, channels, other, BOT);
      // The one that was accepted later is ready sooner.
      await fixture.flow.catalog.promotions.replace({ ...(await get(fixture, id)), state: 'promoting' });
      await runAndPublish(fixture, later.id);
      await runAndPublish(fixture, id);
      const promotion = await get(fixture, id);
      expect(promotion).toMatchObject({ state, items: [{ state: 'refused' }, {}] });
      expect(promotion.items[0]?.problem?.detail).toBe(
        `app:latest has moved since the plan was made, from ${image('1').digest} to ${image('3').digest}`,
      );
      expect(promotion.endedAt).toBeDefined();
      expect((await get(fixture, later.id)).state).toBe('done');
      const tags = await tagsOf(fixture);
      expect([Object.keys(tags).toSorted(), tags['latest']]).toEqual([expected, image('3').digest]);
    },
  );

  test('refuses what another moves in the same publication', async () => {
    await using fixture = await openSynced();
    const items = [{ repository: 'app', reference: '1.1', tags: ['latest'] }];
    const plan = await planOf(fixture, items);
    const first = await fixture.promote({
      items: [{ repository: 'app', reference: '1.0', tags: ['latest'] }],
      to: 'stable',
    });
    const second = await fixture.promote({ plan: plan.id, to: 'stable' });
    await fixture.publisher.publishPending();
    expect([(await get(fixture, first)).state, (await get(fixture, second)).state]).toEqual([
      'done',
      'refused',
    ]);
    expect(await tagsOf(fixture)).toEqual({ latest: image('1').digest });
  });
});

async function runAndPublish(fixture: FlowFixture, id: string): Promise<void> {
  await runPromotion(fixture.flow, fixture.channels, id);
  await fixture.publisher.publishPending();
}
