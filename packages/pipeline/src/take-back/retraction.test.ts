import { makeImage, makeLayer } from '@gantry/registry';
import { openTree, verifyTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from '../promote/accept.ts';
import { runPromotion } from '../promote/run-promotion.ts';
import { acceptRetraction, type RetractionRequest } from './retraction.ts';

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });

/** `app` with two tags and `web` with one in stable; `app:1` in release too. */
async function openPublished(): Promise<FlowFixture> {
  const fixture = await openFlow();
  fixture.upstream.push('app', image('1'), '1', 'latest');
  fixture.upstream.push('web', image('web'), '1');
  await fixture.sync();
  const items = [
    { repository: 'app', reference: '1', tags: ['1', 'latest'] },
    { repository: 'web', reference: '1' },
  ];
  await fixture.promote({ items, to: 'stable' });
  await fixture.publisher.publishPending();
  await fixture.promote({ items: [{ repository: 'app', reference: '1' }], to: 'release' });
  await fixture.publisher.publishPending();
  return fixture;
}

const accept = ({ flow, channels }: FlowFixture, request: RetractionRequest, idempotencyKey?: string) =>
  acceptRetraction(flow, channels, request, {
    name: 'ops',
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  });

async function retract(fixture: FlowFixture, request: RetractionRequest) {
  const { promotion } = await accept(fixture, request);
  await runPromotion(fixture.flow, fixture.channels, promotion.id);
  await fixture.publisher.publishPending();
  return fixture.flow.catalog.promotions.get(promotion.id);
}

const tagsOf = async ({ treeSource }: FlowFixture, name: string) => [
  ...((await (await openTree(treeSource))?.repository(name))?.tags.keys() ?? []),
];

describe('a retraction', () => {
  test('takes one tag out of one channel, as a promotion with its serial', async () => {
    await using fixture = await openPublished();
    const asked = { channel: 'stable', repository: 'app', tag: '1', reason: 'does not start' };
    expect(await retract(fixture, asked)).toMatchObject({
      kind: 'retract',
      to: 'stable',
      state: 'done',
      serial: 3,
      requestedBy: 'ops',
      reason: 'does not start',
      items: [{ channel: 'stable', repository: 'app', reference: '1', digest: null, tags: ['1'] }],
    });
    expect(await tagsOf(fixture, 'app')).toEqual(['latest']);
    expect(await tagsOf(fixture, 'release/app')).toEqual(['1']);
    const app = await (await openTree(fixture.treeSource))?.repository('app');
    expect(app?.manifests.has(image('1').digest)).toBe(true);
  });

  test('without a tag takes all that the repository has there, and its content stays for a time', async () => {
    await using fixture = await openPublished();
    const { digest } = image('1');
    expect(await retract(fixture, { channel: 'stable', repository: 'app' })).toMatchObject({
      state: 'done',
      items: [{ reference: '*', tags: ['1', 'latest'] }],
    });
    const app = await (await openTree(fixture.treeSource))?.repository('app');
    expect([...(app?.tags.keys() ?? [])]).toEqual([]);
    expect(app?.manifests.get(digest)?.untagged).toBe('2026-11-21T09:00:00Z');
    expect(await tagsOf(fixture, 'web')).toEqual(['1']);
    const { findings } = await verifyTree(fixture.treeSource, { nowMs: fixture.clock.getTime() });
    expect(findings).toEqual([]);
  });

  test.each([
    [
      { channel: 'none', repository: 'app' },
      'CHANNEL_UNKNOWN',
      /there are testing, stable, release, private$/,
    ],
    [
      { channel: 'stable', repository: 'none' },
      'NAME_UNKNOWN',
      /^the channel stable has no repository none: there are app, web$/,
    ],
    [{ channel: 'private', repository: 'app' }, 'NAME_UNKNOWN', /app: it is empty$/],
    [
      { channel: 'stable', repository: 'app', tag: '9' },
      'REFERENCE_UNKNOWN',
      /^the channel stable has no tag app:9: of app there are 1, latest$/,
    ],
    [{ channel: 'stable', repository: 'App' }, 'NAME_INVALID', /App/],
    [{ channel: 'stable', repository: 'app', tag: '-' }, 'TAG_INVALID', /-/],
  ])('%j is refused: %s', async (request, code, message) => {
    await using fixture = await openPublished();
    await expect(accept(fixture, request)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('of what was taken out already is in conflict with that', async () => {
    await using fixture = await openPublished();
    const former = await retract(fixture, { channel: 'stable', repository: 'app', tag: '1' });
    await retract(fixture, { channel: 'stable', repository: 'web' });
    for (const asked of [{ repository: 'app', tag: '1' }, { repository: 'web' }])
      await expect(accept(fixture, { channel: 'stable', ...asked })).rejects.toMatchObject({
        code: 'CONFLICT',
      });
    await expect(accept(fixture, { channel: 'stable', repository: 'app', tag: '1' })).rejects.toMatchObject({
      details: { promotion: former?.id },
    });
  });

  test('that is asked for again with its key is the same one, also once the tag is gone', async () => {
    await using fixture = await openPublished();
    const asked = { channel: 'stable', repository: 'app', tag: '1' };
    const first = await accept(fixture, asked, 'k');
    await runPromotion(fixture.flow, fixture.channels, first.promotion.id);
    await fixture.publisher.publishPending();
    const again = await accept(fixture, asked, 'k');
    expect([again.promotion.id, again.created]).toEqual([first.promotion.id, false]);
    await expect(accept(fixture, { ...asked, tag: 'latest' }, 'k')).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  test('is not undone by a promotion that was accepted before and is published after it', async () => {
    await using fixture = await openPublished();
    const { flow, channels } = fixture;
    const items = [{ repository: 'app', reference: '1' }];
    const waiting = await acceptPromotion(flow, channels, { items, to: 'stable' }, { name: 'ci' });
    await retract(fixture, { channel: 'stable', repository: 'app', tag: '1' });
    await runPromotion(flow, channels, waiting.promotion.id);
    await fixture.publisher.publishPending();
    expect(await tagsOf(fixture, 'app')).toEqual(['latest']);
    // Whoever promotes it anew means it.
    await fixture.promote({ items, to: 'stable' });
    await fixture.publisher.publishPending();
    expect(await tagsOf(fixture, 'app')).toEqual(['1', 'latest']);
  });
});
