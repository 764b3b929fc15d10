import { makeImage, makeIndex, makeLayer } from '@gantry/registry';
import { openTree, verifyTree } from '@gantry/tree';
import { openFlow } from '../flow.fixture.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const version = (text: string) =>
  makeIndex([makeImage({ platform: amd64, layers: [makeLayer([{ path: 'a', content: text }])] })]);

test('what is published and not whole in the store any more stays as it is, and holds up nothing else', async () => {
  await using fixture = await openFlow();
  const { catalog } = fixture.flow;
  const [one, two, three] = ['1', '2', '3'].map((text) => {
    const index = version(text);
    fixture.upstream.push('app', index, text);
    return index;
  });
  await fixture.sync();
  const promote = async (reference: string, tag: string) => {
    await fixture.promote({ to: 'stable', items: [{ repository: 'app', reference, tags: [tag] }] });
    await fixture.publisher.publishPending();
  };
  await promote('1', '1');
  await promote('2', 'latest');
  // One more that waits, of what is there already.
  await fixture.promote({ to: 'stable', items: [{ repository: 'app', reference: '1', tags: ['1'] }] });
  const lost = [one, two].flatMap((index) => (index === undefined ? [] : [index.digest]));
  for (const digest of lost)
    await catalog.manifests.remove([digest, ...((await catalog.manifests.get(digest))?.manifests ?? [])]);
  const before = await (await openTree(fixture.treeSource))?.repository('app');

  await fixture.publisher.publishPending();
  expect(await catalog.promotions.inStates(['publishing'])).toEqual([]);
  await fixture.publisher.publishAll();
  expect(await (await openTree(fixture.treeSource))?.repository('app')).toEqual(before);
  await promote('3', 'latest');
  const after = await (await openTree(fixture.treeSource))?.repository('app');
  expect(after?.tags).toEqual(
    new Map([
      ['1', one?.digest],
      ['latest', three?.digest],
    ]),
  );
  expect([...(after?.blobs.keys() ?? [])]).toEqual(expect.arrayContaining([...(before?.blobs.keys() ?? [])]));
  expect(after?.manifests.get(two?.digest ?? 'sha256:')?.untagged).toBeDefined();
  expect((await verifyTree(fixture.treeSource)).findings).toEqual([]);
});
