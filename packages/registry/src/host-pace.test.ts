import { type AnswerHead, HostPace, type Turn } from './host-pace.ts';
import { manualClock } from './testing/manual-clock.ts';
import type { Rate } from './token-bucket.ts';

const OK: AnswerHead = { status: 200, headers: {}, retryAfterMs: undefined };
const SLOWER: AnswerHead = { status: 429, headers: {}, retryAfterMs: undefined };
const slower = (retryAfterMs: number, status = 429): AnswerHead => ({ status, headers: {}, retryAfterMs });
const quota = (remaining: number, more: Record<string, string>): AnswerHead => ({
  ...OK,
  headers: { 'ratelimit-remaining': String(remaining), ...more },
});

/** A pace, and requests that have got their turn, with the time at which they got it. */
function open(rate?: Rate, chance?: number) {
  const clock = manualClock(chance);
  const startMs = clock.now();
  const pace = new HostPace(clock, rate);
  const got: { name: string; atMs: number; turn: Turn }[] = [];
  const ask = async (name: string, options: { signal?: AbortSignal; isUrgent?: boolean } = {}) => {
    const turn = await pace.turn(options.signal, options.isUrgent ?? false);
    got.push({ name, atMs: clock.now() - startMs, turn });
  };
  return {
    clock,
    pace,
    ask,
    /** Who has got a turn, and when. */
    times: () => got.map(({ name, atMs }) => `${name} ${atMs}`),
    /** A turn that is had at once. */
    get: () => pace.turn(undefined, false),
    /** Ends the turn of one that waits in `got`. */
    end(name: string, answer?: AnswerHead) {
      const at = got.findIndex((each) => each.name === name);
      got.splice(at, 1)[0]?.turn.end(answer);
    },
  };
}

const names = (count: number) => Array.from({ length: count }, (_, number) => String(number));

describe('a host', () => {
  test('is asked at once when there is neither a rate nor a pause', async () => {
    const it = open();
    await Promise.all(names(100).map((name) => it.ask(name)));
    expect(it.times().every((each) => each.endsWith(' 0'))).toBe(true);
    expect(it.clock.waiting).toBe(0);
  });

  test('is asked at its rate, in the order in which requests came', async () => {
    const it = open({ requestsPerSecond: 10, burst: 2 });
    for (const name of names(5)) void it.ask(name);
    await it.clock.advance(1000);
    expect(it.times()).toEqual(['0 0', '1 0', '2 100', '3 200', '4 300']);
  });

  test('is asked by one that is urgent before all that wait', async () => {
    const it = open({ requestsPerSecond: 10, burst: 1 });
    for (const name of ['a', 'b', 'c']) void it.ask(name);
    void it.ask('urgent', { isUrgent: true });
    await it.clock.advance(1000);
    expect(it.times()).toEqual(['a 0', 'urgent 100', 'b 200', 'c 300']);
  });

  test('is told how long a turn was waited for', async () => {
    const it = open({ requestsPerSecond: 10, burst: 1 });
    expect((await it.get()).waitedMs).toBe(0);
    const second = it.pace.turn(undefined, false);
    await it.clock.advance(100);
    expect((await second).waitedMs).toBe(100);
  });

  test('is not asked by one that gave up; the next has its place, and no timer is left', async () => {
    const it = open({ requestsPerSecond: 10, burst: 1 });
    const giving = new AbortController();
    void it.ask('a');
    const waiting = it.ask('b', { signal: giving.signal });
    void it.ask('c');
    giving.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await it.clock.advance(100);
    expect(it.times()).toEqual(['a 0', 'c 100']);
    const last = it.ask('d', { signal: AbortSignal.abort(new Error('never')) });
    await expect(last).rejects.toThrow('never');
    expect([it.clock.waiting, it.pace.isIdle]).toEqual([0, false]);
  });

  test('leaves no timer behind when the last that waits gives up', async () => {
    const it = open({ requestsPerSecond: 1, burst: 1 });
    const giving = new AbortController();
    await it.get();
    const waiting = it.ask('b', { signal: giving.signal });
    expect(it.clock.waiting).toBe(1);
    giving.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(it.clock.waiting).toBe(0);
  });
});

describe('a 429 or 503', () => {
  test.each([429, 503])('%i pauses the whole host for as long as it asks', async (status) => {
    const it = open();
    (await it.get()).end(slower(7000, status));
    void it.ask('b');
    await it.clock.advance(6999);
    expect(it.times()).toEqual([]);
    await it.clock.advance(1);
    expect(it.times()).toEqual(['b 7000']);
  });

  test('asks for an hour and gets a minute', async () => {
    const it = open();
    (await it.get()).end(slower(3_600_000));
    void it.ask('b');
    await it.clock.advance(60_000);
    expect(it.times()).toEqual(['b 60000']);
  });

  test('that names no time pauses for longer and longer, anything up to a bound', async () => {
    const it = open(undefined, 0.5);
    const pauses: number[] = [];
    for (let round = 0; round < 9; round++) {
      (await it.get()).end(SLOWER);
      const before = it.clock.now();
      const next = it.pace.turn(undefined, false);
      await it.clock.advance(60_000);
      const turn = await next;
      pauses.push(turn.waitedMs);
      turn.end();
      expect(it.clock.now() - before).toBe(60_000);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  test('that many got together counts once', async () => {
    const it = open(undefined, 0.5);
    await Promise.all(names(10).map((name) => it.ask(name)));
    for (const name of names(10)) it.end(name, SLOWER);
    void it.ask('next');
    await it.clock.advance(250);
    expect(it.times()).toEqual(['next 250']);
  });

  test('is over with a good answer, after which the next one pauses as the first did', async () => {
    const it = open(undefined, 0.5);
    for (const answer of [SLOWER, SLOWER, OK, SLOWER]) {
      const turn = it.pace.turn(undefined, false);
      await it.clock.advance(60_000);
      (await turn).end(answer);
    }
    const last = it.pace.turn(undefined, false);
    await it.clock.advance(60_000);
    expect((await last).waitedMs).toBe(250);
  });

  test('lets what has piled up go one by one, then twice as many at once after each good answer', async () => {
    const it = open();
    (await it.get()).end(slower(1000));
    const all = names(300);
    for (const name of all) void it.ask(name);
    await it.clock.advance(1000);
    const rounds: number[] = [];
    while (it.times().length > 0) {
      const now = it.times().map((each) => each.split(' ')[0] ?? '');
      rounds.push(now.length);
      for (const name of now) it.end(name, OK);
      await it.clock.advance(0);
    }
    expect(rounds.slice(0, 3)).toEqual([1, 2, 8]); // 1, then 1 × 2, then 2 × 2 × 2: once for each answer
    expect(rounds.reduce((sum, count) => sum + count)).toBe(300);
  });

  test('goes on one by one while requests just fail', async () => {
    const it = open();
    (await it.get()).end(slower(1000));
    for (const name of ['a', 'b', 'c']) void it.ask(name);
    await it.clock.advance(1000);
    expect(it.times()).toEqual(['a 1000']);
    it.end('a');
    await it.clock.advance(0);
    expect(it.times()).toEqual(['b 1000']);
  });

  test('does not wait for an answer that hangs', async () => {
    const it = open();
    (await it.get()).end(slower(1000));
    for (const name of ['a', 'b', 'c', 'd']) void it.ask(name);
    await it.clock.advance(12_000);
    expect(it.times()).toEqual(['a 1000', 'b 6000', 'c 11000']);
    for (const name of ['a', 'b', 'c']) it.end(name);
    await it.clock.advance(0);
    expect([it.times(), it.clock.waiting]).toEqual([['d 12000'], 0]);
  });

  test('is not forgotten for a good answer to what was sent before it', async () => {
    const it = open();
    const early = await it.get();
    (await it.get()).end(slower(1000));
    early.end(OK);
    for (const name of ['a', 'b']) void it.ask(name);
    await it.clock.advance(1000);
    expect(it.times()).toEqual(['a 1000']);
  });

  test('lets the next one go as soon as the rate allows, however long a hanging answer would be waited for', async () => {
    const it = open({ requestsPerSecond: 10, burst: 1 });
    (await it.get()).end(slower(1000));
    for (const name of ['a', 'b']) void it.ask(name);
    await it.clock.advance(1000);
    it.end('a', OK);
    await it.clock.advance(100);
    expect(it.times()).toEqual(['b 1100']);
  });

  test('keeps to the rate after the pause, too', async () => {
    const it = open({ requestsPerSecond: 10, burst: 1 });
    const first = await it.get();
    for (const name of names(3)) void it.ask(name);
    first.end(slower(5000));
    await it.clock.advance(5000);
    it.end('0', OK);
    await it.clock.advance(1000);
    expect(it.times()).toEqual(['1 5100', '2 5200']);
  });
});

describe('what is left of a quota', () => {
  test.each([
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30_000],
    [{ ratelimit: '"default";r=0;t=30' }, 30_000],
    [{ ratelimit: '"burst";r=0;t=2, "day";r=0;t=50' }, 50_000],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '86400' }, 60_000],
    [{ 'ratelimit-remaining': '0;w=21600' }, 60_000],
    [{ 'ratelimit-remaining': '0;w=10' }, 10_000],
    [{ 'ratelimit-remaining': '0' }, 60_000],
    [{ 'ratelimit-remaining': '1', 'ratelimit-reset': '30' }, 0],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '0' }, 0],
    [{ 'ratelimit-remaining': '76;w=21600' }, 0],
  ])('%j pauses the host for %i ms', async (headers: Record<string, string>, expectedMs) => {
    const it = open();
    (await it.get()).end({ ...OK, headers });
    const next = it.pace.turn(undefined, false);
    await it.clock.advance(100_000);
    expect((await next).waitedMs).toBe(expectedMs);
  });

  test('is taken as used up by requests that are under way', async () => {
    const it = open();
    await Promise.all(['a', 'b', 'c'].map((name) => it.ask(name)));
    it.end('a', quota(3, { 'ratelimit-reset': '30' }));
    void it.ask('d');
    await it.clock.advance(0);
    expect(it.times()).toEqual(['b 0', 'c 0', 'd 0']);
    it.end('b', quota(2, { 'ratelimit-reset': '30' }));
    void it.ask('e');
    await it.clock.advance(30_000);
    expect(it.times()).toEqual(['c 0', 'd 0', 'e 30000']);
  });

  test('pauses once where no reset is told, until something is left again', async () => {
    const it = open();
    const spent = quota(0, {});
    const waited: number[] = [];
    for (const answer of [spent, spent, OK, spent, quota(5, {}), spent, OK]) {
      const turn = it.pace.turn(undefined, false);
      await it.clock.advance(60_000);
      waited.push((await turn).waitedMs);
      (await turn).end(answer);
    }
    expect(waited).toEqual([0, 60_000, 0, 0, 0, 0, 60_000]);
  });

  test('of an answer with Retry-After is left aside', async () => {
    const it = open();
    (await it.get()).end({ ...slower(1000), headers: { ratelimit: '"a";r=0;t=50' } });
    const next = it.pace.turn(undefined, false);
    await it.clock.advance(60_000);
    expect((await next).waitedMs).toBe(1000);
  });

  test('of a 429 that has no Retry-After says when to come back', async () => {
    const it = open();
    (await it.get()).end({ ...SLOWER, headers: { ratelimit: '"a";r=0;t=50' } });
    const next = it.pace.turn(undefined, false);
    await it.clock.advance(60_000);
    expect((await next).waitedMs).toBe(50_000);
  });
});
