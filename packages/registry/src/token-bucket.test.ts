import * as fc from 'fast-check';
import { createTokenBucket } from './token-bucket.ts';

/** When `count` permits asked for at once are there, in milliseconds from then. */
function schedule(bucket: ReturnType<typeof createTokenBucket>, count: number, nowMs = 0): number[] {
  return Array.from({ length: count }, () => {
    const delayMs = bucket.delayMs(nowMs);
    bucket.take(nowMs);
    return delayMs;
  });
}

describe('a token bucket', () => {
  test('gives what it holds at once, then one an interval', () => {
    const bucket = createTokenBucket({ requestsPerSecond: 10, burst: 3 });
    expect(schedule(bucket, 6)).toEqual([0, 0, 0, 100, 200, 300]);
  });

  test('holds a second’s worth when no burst is given, and one at least', () => {
    expect(schedule(createTokenBucket({ requestsPerSecond: 2.5 }), 5)).toEqual([0, 0, 0, 400, 800]);
    expect(schedule(createTokenBucket({ requestsPerSecond: 0.1 }), 3)).toEqual([0, 10_000, 20_000]);
  });

  test('fills up again, and not beyond', () => {
    const bucket = createTokenBucket({ requestsPerSecond: 10, burst: 3 });
    schedule(bucket, 3, 1000);
    expect(schedule(bucket, 2, 1150)).toEqual([0, 50]);
    expect(schedule(bucket, 4, 1_000_000)).toEqual([0, 0, 0, 100]);
  });

  test('never gives more in any span of time than burst and rate allow', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.1, max: 1000, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 60 }),
        (requestsPerSecond, burst, pausesMs) => {
          const bucket = createTokenBucket({ requestsPerSecond, burst });
          const given: number[] = [];
          let nowMs = 0;
          for (const pauseMs of pausesMs) {
            nowMs += pauseMs;
            nowMs += bucket.delayMs(nowMs); // whoever asks waits for its own
            bucket.take(nowMs);
            given.push(nowMs);
          }
          for (const [first, fromMs] of given.entries()) {
            const tooMany = given.slice(first).filter((untilMs, more) => {
              return more + 1 > burst + ((untilMs - fromMs) / 1000) * requestsPerSecond + 1e-6;
            });
            expect(tooMany).toEqual([]);
          }
        },
      ),
    );
  });
});
