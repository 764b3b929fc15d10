import * as fc from 'fast-check';
import { readQuotas } from './rate-limit.ts';

const quota = (remaining: number, resetSeconds?: number, windowSeconds?: number) => ({
  remaining,
  resetMs: resetSeconds === undefined ? undefined : resetSeconds * 1000,
  windowMs: windowSeconds === undefined ? undefined : windowSeconds * 1000,
});

describe('RateLimit headers', () => {
  test.each([
    // Up to draft -06: one header each, the reset in seconds.
    [{ 'ratelimit-limit': '100', 'ratelimit-remaining': '50', 'ratelimit-reset': '30' }, [quota(50, 30)]],
    [
      { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-remaining': ' 0 ', 'ratelimit-reset': '5' },
      [quota(0, 5)],
    ],
    [{ 'ratelimit-remaining': '7', 'ratelimit-reset': 'soon' }, [quota(7)]],
    // Docker Hub.
    [
      { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' },
      [quota(76, undefined, 21_600)],
    ],
    [
      { 'ratelimit-remaining': '0;w=21600', 'docker-ratelimit-source': '192.0.2.1' },
      [quota(0, undefined, 21_600)],
    ],
    // -07: a dictionary.
    [{ ratelimit: 'limit=100, remaining=50, reset=30' }, [quota(50, 30)]],
    [{ ratelimit: 'limit=100,remaining=0' }, [quota(0)]],
    // From -08 on: a list of policies.
    [{ ratelimit: '"default";r=50;t=30' }, [quota(50, 30)]],
    [{ ratelimit: '"burst";r=0;t=1, "day" ; r=5 ; t=3600' }, [quota(0, 1), quota(5, 3600)]],
    [{ ratelimit: ['"a";r=1;t=2', '"b";r=3;t=4'] }, [quota(1, 2), quota(3, 4)]],
    [{ ratelimit: 'default;r=0;t=9;pk=:dGVzdA==:' }, [quota(0, 9)]],
    [{ ratelimit: '"a, \\"b\\"; r=9";r=1;t=2' }, [quota(1, 2)]],
    [{ ratelimit: '"default";r=2' }, [quota(2)]],
    // Both.
    [
      { ratelimit: '"a";r=1;t=2', 'ratelimit-remaining': '3', 'ratelimit-reset': '4' },
      [quota(1, 2), quota(3, 4)],
    ],
    // Nothing that can be read.
    [{}, []],
    [{ 'ratelimit-limit': '100', 'ratelimit-reset': '30' }, []],
    [{ 'ratelimit-remaining': '-1' }, []],
    [{ 'ratelimit-remaining': 'many' }, []],
    [{ 'ratelimit-remaining': '1e9' }, []],
    [{ ratelimit: '"default";r=-1;t=30' }, []],
    [{ ratelimit: '"default";t=30' }, []],
    [{ ratelimit: '"default' }, []],
    [{ ratelimit: 'remaining=x' }, []],
  ])('%j tell %j', (headers, expected) => {
    expect(readQuotas(headers)).toEqual(expected);
  });

  test('tell numbers that are none below zero, whatever they hold', () => {
    const text = fc.oneof(
      fc.string(),
      fc.stringMatching(/^("[a-z]*"|[a-z]+)?( ?[;,=]? ?[rtw]?=?-?\d{0,20}"?){0,8}$/),
    );
    fc.assert(
      fc.property(text, text, text, (field, remaining, reset) => {
        const found = readQuotas({
          ratelimit: field,
          'ratelimit-remaining': remaining,
          'ratelimit-reset': reset,
        });
        for (const each of found) {
          for (const value of [each.remaining, each.resetMs ?? 0, each.windowMs ?? 0]) {
            expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
          }
        }
      }),
    );
  });
});
