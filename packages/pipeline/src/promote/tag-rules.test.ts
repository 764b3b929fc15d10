import { digestOf } from '@gantry/oci';
import { makeImage, makeLayer } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import type { Channel, TagRules } from '../context.ts';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from './accept.ts';
import { planPromotion } from './plan.ts';
import { acceptRollback } from './rollback.ts';
import { runPromotion } from './run-promotion.ts';
import { refuseTag } from './tag-rules.ts';

const RULES: TagRules = {
  names: ['v*', 'latest', '/[0-9]+\\.[0-9]+/'],
  immutable: ['v*'],
  movers: [{ tags: ['latest'], by: ['release-bot'], groups: ['releasers'] }],
};
const CHANNEL: Channel = { name: 'stable', prefix: '', publish: true, tags: RULES };
const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });
const [ONE, TWO] = [digestOf('one'), digestOf('two')];

const BOT = { name: 'bot' };
const RELEASER = { name: 'bot', groups: ['releasers'] };

describe('the rules for the tags of a channel', () => {
  test.each([
    ['v1', undefined, BOT, undefined],
    ['1.0', undefined, BOT, undefined],
    ['11.0-dev', undefined, BOT, 'is none of the names that the channel stable takes: v*, latest, /[0-9]+'],
    ['v1', ONE, BOT, undefined],
    ['v1', TWO, BOT, `is immutable in the channel stable, and means ${TWO}`],
    ['1.0', TWO, BOT, undefined],
    [
      'latest',
      undefined,
      BOT,
      'is set in the channel stable by release-bot, the group releasers, and not by bot',
    ],
    ['latest', TWO, RELEASER, undefined],
    ['latest', TWO, { name: 'release-bot' }, undefined],
  ])('%s that means %s, set by %j: %s', (tag, from, requester, refusal) => {
    const fault = refuseTag(CHANNEL, { repository: 'app', tag, digest: ONE, from }, requester);
    expect(fault?.code).toBe(refusal === undefined ? undefined : 'TAG_REFUSED');
    expect(fault?.message ?? '').toContain(refusal ?? '');
  });

  test('that are none refuse nothing', () => {
    const { tags: _, ...free } = CHANNEL;
    expect(refuseTag(free, { repository: 'app', tag: 'x', digest: ONE, from: TWO }, BOT)).toBeUndefined();
  });
});

async function openSynced(): Promise<FlowFixture> {
  const fixture = await openFlow({}, [CHANNEL]);
  fixture.upstream.push('app', image('1'), '1');
  fixture.upstream.push('app', image('2'), '2');
  await fixture.sync();
  return fixture;
}
const item = (reference: string, ...tags: string[]) => ({ repository: 'app', reference, tags });

async function tagsOf({ treeSource }: FlowFixture) {
  return Object.fromEntries((await (await openTree(treeSource))?.repository('app'))?.tags ?? []);
}

describe('a tag that is against the rules', () => {
  test('refuses its item by itself, with a reason of its own', async () => {
    await using fixture = await openSynced();
    const id = await fixture.promote({
      items: [item('1', 'v1', 'nightly'), item('1', '1.0'), item('2', 'latest')],
      to: 'stable',
    });
    await fixture.publisher.publishPending();
    const promotion = await fixture.flow.catalog.promotions.get(id);
    expect(promotion?.items.map(({ state, problem }) => [state, problem?.type, problem?.['tag']])).toEqual([
      ['refused', 'urn:gantry:problem:tag-refused', 'nightly'],
      ['done', undefined, undefined],
      ['refused', 'urn:gantry:problem:tag-refused', 'latest'],
    ]);
    expect(promotion?.state).toBe('partial');
    expect(await tagsOf(fixture)).toEqual({ '1.0': image('1').digest });
  });

  test('refuses all when the promotion is atomic', async () => {
    await using fixture = await openSynced();
    const id = await fixture.promote({
      items: [item('1', 'v1'), item('2', 'latest')],
      to: 'stable',
      atomic: true,
    });
    expect((await fixture.flow.catalog.promotions.get(id))?.state).toBe('refused');
  });

  test('is refused in a plan, with its reason, and its item with it; for who may set it, it is not', async () => {
    await using fixture = await openSynced();
    const { flow, channels } = fixture;
    const request = { items: [item('1', 'v1', 'latest')], to: 'stable' };
    const plan = await planPromotion(flow, channels, request, BOT);
    expect(plan.items[0]?.tags.map(({ tag, action, problem }) => [tag, action, problem?.type])).toEqual([
      ['v1', 'refuse', undefined],
      ['latest', 'refuse', 'urn:gantry:problem:tag-refused'],
    ]);
    expect(plan.items[0]?.problem?.detail).toContain('app:latest is set in the channel stable by');
    const theirs = await planPromotion(flow, channels, request, RELEASER);
    expect(theirs.totals).toMatchObject({ adds: 2, refusals: 0 });
    // Who applies it must be one who may, too.
    const applied = await acceptPromotion(flow, channels, { plan: theirs.id, to: 'stable' }, BOT);
    expect(applied.promotion).toMatchObject({ state: 'refused', items: [{ state: 'refused' }] });
  });

  test('is refused when it is published, if it was not there when it was accepted', async () => {
    await using fixture = await openSynced();
    const [first, second] = [
      await fixture.promote({ items: [item('1', 'v1')], to: 'stable' }),
      await fixture.promote({ items: [item('2', 'v1'), item('2', '2.0')], to: 'stable' }),
    ];
    await fixture.publisher.publishPending();
    const { promotions } = fixture.flow.catalog;
    expect((await promotions.get(first))?.state).toBe('done');
    expect(await promotions.get(second)).toMatchObject({
      state: 'partial',
      items: [{ state: 'refused', problem: { type: 'urn:gantry:problem:tag-refused' } }, { state: 'done' }],
    });
    expect(await tagsOf(fixture)).toEqual({ v1: image('1').digest, '2.0': image('2').digest });
  });

  test('goes back by a rollback all the same', async () => {
    await using fixture = await openSynced();
    const { flow, channels, trees } = fixture;
    await fixture.promote({ items: [item('1', '1.0')], to: 'stable' });
    await fixture.publisher.publishPending();
    await fixture.promote({ items: [item('1', 'v1')], to: 'stable' });
    await fixture.publisher.publishPending();
    const { promotion } = await acceptRollback(flow, trees, { serial: 1 }, BOT);
    await runPromotion(flow, channels, promotion.id);
    await fixture.publisher.publishPending();
    expect(await tagsOf(fixture)).toEqual({ '1.0': image('1').digest });
    // Taken back, it may be set anew.
    const id = await fixture.promote({ items: [item('2', 'v1')], to: 'stable' });
    await fixture.publisher.publishPending();
    expect((await flow.catalog.promotions.get(id))?.state).toBe('done');
  });
});
