import * as fc from 'fast-check';
import { DURATION, formatDuration, parseDuration } from './duration.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['1m1ms', 60_001],
    ['0s', 0],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    '',
    '5',
    's',
    '5 m',
    '-1s',
    '1.5h',
    '30m1h',
    '1h1h',
    '1M',
    '1e3s',
    '5m ',
    '1'.repeat(20) + 's',
    '\u0661s',
  ])('%j is refused with what would be right', (text) => {
    expect(() => parseDuration(text)).toThrow(/is not a duration: write 500ms, 10s, 5m/);
  });

  test('what is formatted is read back as the same number of milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 13 }), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  test('a text is either refused or gives a whole number that is not negative', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9wdhms]{0,12}$/), (text) => {
        const ms = DURATION.test(text) ? parseDuration(text) : 0;
        expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
      }),
    );
  });
});
