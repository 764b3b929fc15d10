import { Fault } from '@gantry/oci';
import { ATTEMPTS, pauseMs, readRetryAfter, RETRY_AFTER_MAX_MS, withRetries } from './retry.ts';
import { caught } from './testing/caught.ts';
import { instantClock } from './testing/instant-clock.ts';

const NOW = Date.UTC(2026, 10, 21, 9, 0, 0);
const trouble = (message = 'passing') => new Fault('SOURCE_UNREACHABLE', message);

describe('Retry-After', () => {
  test.each([
    ['0', 0],
    [' 7 ', 7000],
    ['Sat, 21 Nov 2026 09:00:30 GMT', 30_000],
    ['Saturday, 21-Nov-26 09:00:30 GMT', 30_000],
    ['Sat Nov 21 09:00:30 2026', 30_000],
    ['Sat, 21 Nov 2026 08:00:00 GMT', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['Soon, very soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s asks to wait %s ms', (value, expected) => {
    expect(readRetryAfter(value, undefined, NOW)).toBe(expected);
  });

  test('a date is meant by the clock of the registry that sent it', () => {
    const sentAt = 'Sat, 21 Nov 2026 12:00:00 GMT';
    expect(readRetryAfter('Sat, 21 Nov 2026 12:00:05 GMT', sentAt, NOW)).toBe(5000);
  });
});

describe('pauses', () => {
  test('are anything up to a bound that grows twofold, to 30 s', () => {
    expect([1, 2, 3, 4].map((made) => pauseMs(made, 0.5))).toEqual([250, 500, 1000, 2000]);
    expect([pauseMs(1, 0), pauseMs(1, 1), pauseMs(9, 1), pauseMs(1000, 1)]).toEqual([0, 500, 30_000, 30_000]);
  });

  test('are never shorter than what the registry asks for, up to the cap', () => {
    expect(pauseMs(1, 0, 2000)).toBe(2000);
    expect(pauseMs(1, 1, 2000)).toBe(2500);
    expect(pauseMs(1, 0, 3_600_000)).toBe(RETRY_AFTER_MAX_MS);
  });
});

describe('withRetries', () => {
  test('gives the first value', async () => {
    const clock = instantClock();
    let made = 0;
    const value = await withRetries(clock, undefined, () =>
      Promise.resolve(++made < 3 ? { trouble: trouble() } : { value: 'here' }),
    );
    expect([value, made, clock.waits]).toEqual(['here', 3, [250, 500]]);
  });

  test(`gives up after ${ATTEMPTS} attempts with the last trouble`, async () => {
    let made = 0;
    const fault = await caught(
      withRetries(instantClock(), undefined, () => Promise.resolve({ trouble: trouble(`number ${++made}`) })),
    );
    expect([fault.message, made]).toEqual([`number ${ATTEMPTS}`, ATTEMPTS]);
  });

  test('does not try again what was thrown', async () => {
    let made = 0;
    const fault = await caught(
      withRetries(instantClock(), undefined, () => {
        made++;
        throw trouble('final');
      }),
    );
    expect([fault.message, made]).toEqual(['final', 1]);
  });
});
