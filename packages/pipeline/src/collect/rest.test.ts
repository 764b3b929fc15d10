import { Rest } from './rest.ts';

function work(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('a work that is short does not rest', async () => {
  const rest = new Rest();
  let turns = 0;
  const turn = setImmediate(() => turns++);
  for (let piece = 0; piece < 10; piece++) await rest.between();
  expect(turns).toBe(0);
  clearImmediate(turn);
});

test('between pieces of a long work, in however many parts, others have their turn', async () => {
  const rest = new Rest();
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const part = async () => {
    for (let piece = 0; piece < 10; piece++) {
      await rest.between();
      work(1);
    }
  };
  await Promise.all([part(), part(), part()]);
  clearInterval(timer);
  expect(turns).toBeGreaterThanOrEqual(10);
});
