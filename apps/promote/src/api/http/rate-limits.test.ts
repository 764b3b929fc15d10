import { createCallerLimits } from './limit-callers.ts';
import { createRateLimits } from '@gantry/service';

const TOO_MANY = expect.objectContaining({ code: 'TOOMANYREQUESTS' });

describe('permits', () => {
  test('come at once up to the burst, then at the rate, and a pause brings the burst back', () => {
    let nowMs = 1000;
    const limits = createRateLimits({ requestsPerSecond: 10, burst: 3 }, () => nowMs);
    expect([1, 2, 3, 4].map(() => limits.take('a'))).toEqual([0, 0, 0, 100]);
    expect(limits.delayMs('a')).toBe(100);
    nowMs += 100;
    expect([limits.take('a'), limits.take('a')]).toEqual([0, 100]);
    nowMs += 60_000;
    expect([1, 2, 3, 4].map(() => limits.take('a'))).toEqual([0, 0, 0, 100]);
  });

  test('are counted by key, and what is refused costs nothing', () => {
    let nowMs = 0;
    const limits = createRateLimits({ requestsPerSecond: 1, burst: 1 }, () => nowMs);
    expect([limits.take('a'), limits.take('b'), limits.take('a'), limits.take('a')]).toEqual([
      0, 0, 1000, 1000,
    ]);
    nowMs = 1000;
    expect(limits.take('a')).toBe(0);
  });

  test('of a hundred thousand keys are not all remembered', () => {
    let nowMs = 0;
    const limits = createRateLimits({ requestsPerSecond: 1, burst: 2 }, () => nowMs);
    for (let n = 0; n < 100_000; n++) {
      nowMs += 0.01;
      expect(limits.take(`key ${n}`)).toBe(0);
    }
    // The latest are.
    limits.take('key 99999');
    expect(limits.take('key 99999')).toBeGreaterThan(0);
  });
});

describe('callers', () => {
  test('without a configured rate ask as often as they like', () => {
    const limits = createCallerLimits(undefined);
    expect(() => {
      for (let n = 0; n < 20_000; n++) limits.ofCaller('ci');
    }).not.toThrow();
  });

  test('have their own share each, and are told when to come again', () => {
    const limits = createCallerLimits({ requestsPerSecond: 0.5, burst: 1 }, () => 0);
    limits.ofCaller('ci');
    limits.ofCaller('other');
    expect(() => limits.ofCaller('ci')).toThrow(
      expect.objectContaining({ code: 'TOOMANYREQUESTS', details: { retryAfterSeconds: 2 } }),
    );
  });

  test('that are nobody have a share a network; only passwords are not even looked at any more', () => {
    const limits = createCallerLimits(undefined, () => 0);
    for (let n = 0; n < 50; n++) limits.ofUnknown('192.0.2.1');
    expect(() => limits.ofUnknown('192.0.2.1')).toThrow(TOO_MANY);
    expect(() => limits.beforeLook('192.0.2.1', 'Basic eDp5')).toThrow(TOO_MANY);
    expect(() => limits.beforeLook('192.0.2.1', '  basic eDp5')).toThrow(TOO_MANY);
    limits.beforeLook('192.0.2.1', 'Bearer token');
    limits.beforeLook('192.0.2.1', undefined);
    limits.beforeLook('192.0.2.2', 'Basic eDp5');
    limits.ofUnknown('192.0.2.2');
  });
});
