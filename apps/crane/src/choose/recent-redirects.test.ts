import { RecentRedirects } from './recent-redirects.ts';

const AT = 1_000_000;

test('who comes back for the same object within half a minute was at these mirrors before', () => {
  const recent = new RecentRedirects();
  expect(recent.mirrors(1, 100, AT)).toEqual([]);
  recent.note(1, 100, 7, AT);
  expect(recent.mirrors(1, 100, AT + 3000)).toEqual([7]);
  recent.note(1, 100, 3, AT + 3000);
  expect(recent.mirrors(1, 100, AT + 33_000)).toEqual([7, 3]); // it counts from the last time
  expect(recent.mirrors(1, 100, AT + 35_000)).toEqual([]);
  recent.note(1, 100, 3, AT + 35_000);
  expect(recent.mirrors(1, 100, AT + 35_000)).toEqual([3]);
});

test('who is sent to the same mirror again begins anew', () => {
  const recent = new RecentRedirects();
  for (const mirror of [7, 3, 7]) recent.note(1, 100, mirror, AT);
  expect(recent.mirrors(1, 100, AT)).toEqual([7]);
});

test('of many mirrors the latest ones are remembered', () => {
  const recent = new RecentRedirects();
  for (let mirror = 1; mirror <= 10; mirror++) recent.note(1, 100, mirror, AT);
  expect(recent.mirrors(1, 100, AT)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
});

test('another client, or another object, counts by itself', () => {
  const recent = new RecentRedirects();
  recent.note(1, 100, 7, AT);
  expect(recent.mirrors(2, 100, AT)).toEqual([]);
  expect(recent.mirrors(1, 101, AT)).toEqual([]);
});

test('of 20,000 clients that come twice nearly all are known again', () => {
  const recent = new RecentRedirects();
  for (let client = 0; client < 20_000; client++) recent.note(client, 7, 1, AT);
  let known = 0;
  for (let client = 0; client < 20_000; client++) known += recent.mirrors(client, 7, AT + 1000).length;
  expect(known).toBeGreaterThan(12_000);
  expect(known).toBeLessThanOrEqual(20_000);
});
