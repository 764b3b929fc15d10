import { restartPause } from './restart-pause.ts';

test('who dies of its start is started again later each time, and no later than after ten seconds', () => {
  const pauses: number[] = [];
  for (let pause = 0; pauses.length < 10; pauses.push(pause)) pause = restartPause(50, pause);
  expect(pauses).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
});

test('who had run for a while is started again at once, whatever was before', () => {
  expect(restartPause(30_000, 10_000)).toBe(100);
});
