import { makeImage, makeLayer } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptOnce, acceptPromotion } from '../promote/accept.ts';
import { runPromotion } from '../promote/run-promotion.ts';

const image = (text: string) =>
  makeImage({
    platform: { os: 'linux', architecture: 'amd64' },
    layers: [makeLayer([{ path: 'a', content: text }])],
  });

async function openSynced(...tags: string[]): Promise<FlowFixture> {
  const fixture = await openFlow();
  for (const tag of tags) fixture.upstream.push('app', image(tag), tag);
  await fixture.sync();
  return fixture;
}

/** Accepts a promotion, whose work is then left to whoever comes. */
async function accept(
  { flow, channels }: FlowFixture,
  reference: string,
  tags: readonly string[],
): Promise<string> {
  const items = [{ repository: 'app', reference, tags: [reference, ...tags] }];
  return (await acceptPromotion(flow, channels, { items, to: 'stable' }, { name: 'tester' })).promotion.id;
}

async function publish({ flow, channels, publisher }: FlowFixture, id: string): Promise<void> {
  await runPromotion(flow, channels, id);
  await publisher.publishPending();
  expect(await flow.catalog.promotions.get(id)).toMatchObject({ state: 'done' });
}

async function tagsOf({ treeSource }: FlowFixture): Promise<object> {
  const tags = (await (await openTree(treeSource))?.repository('app'))?.tags;
  return Object.fromEntries(tags ?? []);
}

const digests = (name: string, tags: readonly string[]) =>
  Object.fromEntries(tags.map((tag) => [tag, image(name).digest]));

test.each([[['latest']], [['latest', '1.2', '1', 'stable', 'newest']]])(
  'a promotion that is published after one that was accepted later leaves that one its tags %j',
  async (moving) => {
    await using fixture = await openSynced('one', 'two', 'three');
    const first = await accept(fixture, 'one', moving);
    const second = await accept(fixture, 'two', moving);
    const third = await accept(fixture, 'three', moving);
    await publish(fixture, second);
    await publish(fixture, first); // the worker that had it was killed, say
    expect(await tagsOf(fixture)).toEqual({
      ...digests('one', ['one']),
      ...digests('two', ['two', ...moving]),
    });
    await publish(fixture, third);
    expect(await tagsOf(fixture)).toMatchObject(digests('three', ['three', ...moving]));
  },
);

/** Accepts a promotion that takes tags of `app` out. */
async function acceptRemoval({ flow }: FlowFixture, ...tags: string[]): Promise<string> {
  const { promotion } = await acceptOnce(flow, tags, { name: 'tester' }, async () => ({
    kind: 'retract',
    to: 'stable',
    atomic: true,
    items: [
      {
        channel: 'stable',
        repository: 'app',
        reference: 'app',
        digest: null,
        tags,
        companions: [],
        referrers: [],
        state: 'accepted',
      },
    ],
  }));
  return promotion.id;
}

test('a promotion that is published after one that took its tags out does not bring them back', async () => {
  await using fixture = await openSynced('one', 'two', 'three');
  await publish(fixture, await accept(fixture, 'one', ['latest', 'stable']));
  const early = await accept(fixture, 'two', ['latest', 'stable', 'new']);
  const removal = await acceptRemoval(fixture, 'latest', 'new');
  const late = await accept(fixture, 'three', ['latest']);
  await publish(fixture, removal);
  expect(await tagsOf(fixture)).toEqual(digests('one', ['one', 'stable']));
  await publish(fixture, early);
  expect(await tagsOf(fixture)).toEqual({ ...digests('one', ['one']), ...digests('two', ['two', 'stable']) });
  await publish(fixture, late);
  expect(await tagsOf(fixture)).toMatchObject(digests('three', ['three', 'latest']));
});

test('nor does one that is published when the removal was written down, and no more than that', async () => {
  await using fixture = await openSynced('one', 'two');
  const { flow, channels, publisher } = fixture;
  await publish(fixture, await accept(fixture, 'one', ['latest']));
  const early = await accept(fixture, 'two', ['latest']);
  const removal = await acceptRemoval(fixture, 'latest');
  await runPromotion(flow, channels, removal);
  const { sequence } = (await flow.catalog.promotions.get(removal))!;
  const retraction = { channel: 'stable', repository: 'app', tag: 'latest', promotion: removal, sequence };
  await flow.catalog.retractions.put([retraction]);
  await runPromotion(flow, channels, early);
  await publisher.publishPending();
  expect(await tagsOf(fixture)).toEqual({ ...digests('one', ['one']), ...digests('two', ['two']) });
});
