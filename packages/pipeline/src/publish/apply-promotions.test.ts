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
async function accept({ flow, channels }: FlowFixture, reference: string): Promise<string> {
  const items = [{ repository: 'app', reference, tags: [reference, 'latest'] }];
  return (await acceptPromotion(flow, channels, { items, to: 'stable' }, { name: 'tester' })).promotion.id;
}

async function publish({ flow, publisher }: FlowFixture, id: string): Promise<void> {
  await runPromotion(flow, id);
  await publisher.publishPending();
  expect(await flow.catalog.promotions.get(id)).toMatchObject({ state: 'done' });
}

async function tagsOf({ treeSource }: FlowFixture): Promise<ReadonlyMap<string, string> | undefined> {
  return (await (await openTree(treeSource))?.repository('app'))?.tags;
}

test('a promotion that is published after one that was accepted later leaves that one its tags', async () => {
  await using fixture = await openSynced('1', '2', '3');
  const [first, second, third] = [
    await accept(fixture, '1'),
    await accept(fixture, '2'),
    await accept(fixture, '3'),
  ];
  await publish(fixture, second);
  await publish(fixture, first); // the worker that had it was killed, say
  expect(await tagsOf(fixture)).toEqual(
    new Map([
      ['1', image('1').digest],
      ['2', image('2').digest],
      ['latest', image('2').digest],
    ]),
  );
  await publish(fixture, third);
  expect((await tagsOf(fixture))?.get('latest')).toBe(image('3').digest);
});
