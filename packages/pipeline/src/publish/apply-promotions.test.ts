import { makeImage, makeLayer } from '@gantry/registry';
import { openTree } from '@gantry/tree';
import { type FlowFixture, openFlow } from '../flow.fixture.ts';
import { acceptPromotion } from '../promote/accept.ts';
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
