import { RecentRedirects } from './recent-redirects.ts';

test('who comes back for the same object within seconds has come so many times before', () => {
  const recent = new RecentRedirects();
  expect(recent.note(1, 100, 1_000_000)).toBe(0);
  expect(recent.note(1, 100, 1_003_000)).toBe(1);
  expect(recent.note(1, 100, 1_012_000)).toBe(2); // ten seconds count from the last time
  expect(recent.note(1, 100, 1_030_000)).toBe(0);
});

test('another client, or another object, counts by itself', () => {
  const recent = new RecentRedirects();
  recent.note(1, 100, 1_000_000);
  expect(recent.note(2, 100, 1_000_000)).toBe(0);
  expect(recent.note(1, 101, 1_000_000)).toBe(0);
});

test('of 20,000 clients that come twice nearly all are known again', () => {
  const recent = new RecentRedirects();
  for (let client = 0; client < 20_000; client++) recent.note(client, 7, 1_000_000);
  let known = 0;
  for (let client = 0; client < 20_000; client++) known += recent.note(client, 7, 1_001_000);
  expect(known).toBeGreaterThan(12_000);
  expect(known).toBeLessThanOrEqual(20_000);
});
