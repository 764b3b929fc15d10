import { DAY_MS, openCollected } from './collecting.fixture.ts';

describe('a collection of a tree', () => {
  test('removes what no retained snapshot reaches, once it has had its grace', async () => {
    await using tree = await openCollected();
    for (const text of ['1', '2', '3']) {
      await tree.publish('app', 'latest', text);
      tree.pass(2 * DAY_MS);
    }
    const of1 = await tree.pull(1);
    const before = await tree.files();
    const first = await tree.collect();
    expect(first).toMatchObject({ retained: { from: 2, to: 3, count: 2 }, removed: { objects: 0 } });
    expect(first.condemned.objects).toBeGreaterThan(0);
    tree.pass(2 * DAY_MS - 1);
    expect(await tree.collect()).toMatchObject({ removed: { objects: 0 } });
    const files1 = await tree.files();
    expect([...before].filter((path) => !files1.has(path))).toEqual([]);
    tree.pass(1);
    const last = await tree.collect();
    expect(last).toMatchObject({ removed: first.condemned });
    const files = await tree.files();
    for (const serial of [3, 4]) await tree.pull(serial);
    expect([...of1].filter((path) => !files.has(path)).length).toBe(first.condemned.objects);
    expect(await tree.findings()).toEqual([]);
  });
});
