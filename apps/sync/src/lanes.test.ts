import { Lanes } from './lanes.ts';

/** Work that ends when it is told to, and says when it began. */
function work(name: string, begun: string[]) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { run: () => (begun.push(name), promise), end: resolve, fail: reject };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('in a lane one follows the other, and what waits there takes no room from others', async () => {
  const lanes = new Lanes(2);
  const begun: string[] = [];
  const [a1, a2, a3, b1] = ['a1', 'a2', 'a3', 'b1'].map((name) => work(name, begun)) as [
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
    ReturnType<typeof work>,
  ];
  const all = [
    lanes.run('a', a1.run),
    lanes.run('a', a2.run),
    lanes.run('a', a3.run),
    lanes.run('b', b1.run),
  ];
  await turn();
  expect(begun).toEqual(['a1', 'b1']);
  a1.end();
  await turn();
  expect(begun).toEqual(['a1', 'b1', 'a2']);
  for (const one of [b1, a2, a3]) one.end();
  await Promise.all(all);
  expect(begun).toEqual(['a1', 'b1', 'a2', 'a3']);
});

test('no more run at once than there is room for', async () => {
  const lanes = new Lanes(2);
  const begun: string[] = [];
  const works = ['a', 'b', 'c', 'd'].map((name) => work(name, begun));
  const all = works.map((one, at) => lanes.run(String(at), one.run));
  await turn();
  expect(begun).toEqual(['a', 'b']);
  works[1]?.end();
  await turn();
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const one of works) one.end();
  await Promise.all(all);
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

test('what fails rejects, gives its room back, and does not stop its lane', async () => {
  const lanes = new Lanes(1);
  const begun: string[] = [];
  const [first, second] = [work('first', begun), work('second', begun)];
  const failed = lanes.run('a', first.run);
  const done = lanes.run('a', second.run);
  first.fail(new Error('no'));
  await expect(failed).rejects.toThrow('no');
  second.end();
  await done;
  expect(begun).toEqual(['first', 'second']);
});
