import type { CatalogPlace } from '../catalog.contract.ts';
import type { Result, ResultQuery } from '../index.ts';
import { AWKWARD_NAMES, digest, listsByFilters, result, time } from './samples.ts';

export function resultsContract(open: () => Promise<CatalogPlace>): void {
  test('a result comes back as it was put, awkward data too', async () => {
    await using place = await open();
    const { results } = await place.connect();
    const data = Object.fromEntries(Object.entries(AWKWARD_NAMES).map(([name, value]) => [name, [value]]));
    const whole = result('r1', { scenario: 'arm64', groups: ['nightly'], note: 'ok', data });
    expect(await results.put(whole)).toBe(true);
    expect(await results.get('r1')).toEqual(whole);
    expect(await results.get('r2')).toBeUndefined();
  });

  test('what is sent twice is one result, however many send it at once', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const news = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? one : other).results.put(result('r1', { note: `${at}` })),
      ),
    );
    expect(news.filter(Boolean)).toHaveLength(1);
    expect(await one.results.put(result('r1', { outcome: 'FAILED' }))).toBe(false);
    expect(await other.results.get('r1')).toMatchObject({ outcome: 'PASSED', note: `${news.indexOf(true)}` });
    expect((await one.results.list({ limit: 10 })).items).toHaveLength(1);
  });

  test('latest has the newest of each source, test case and scenario of a digest, by their names', async () => {
    await using place = await open();
    const { results } = await place.connect();
    const put = async (id: string, also: Partial<Result>) => results.put(result(id, also));
    await put('newer', { submittedAt: time(5), outcome: 'FAILED' });
    await put('older, though it came later', { submittedAt: time(4) });
    await put('arm64', { scenario: 'arm64' });
    await put('of that moment, first', { testcase: 'a', submittedAt: time(1), outcome: 'RUNNING' });
    await put('of that moment, then', { testcase: 'a', submittedAt: time(1) });
    await put('another source', { source: 'a' });
    await put('another digest', { digest: digest('two'), submittedAt: time(9) });
    const ids = async (name: string) => (await results.latest(digest(name))).map(({ id }) => id);
    expect(await ids('one')).toEqual(['another source', 'of that moment, then', 'newer', 'arm64']);
    expect(await ids('two')).toEqual(['another digest']);
    expect(await ids('three')).toEqual([]);
  });

  test('list filters by each filter and all together, newest first, in pages of any size', async () => {
    await using place = await open();
    const { results } = await place.connect();
    const made: Result[] = [];
    for (let at = 0; at < 16; at++) {
      const one = result(`r${at}`, {
        digest: digest(at % 4 === 3 ? 'two' : 'one'),
        testcase: at % 2 ? 'boot' : 'install',
        source: at % 3 ? 'ci' : 'lab',
        outcome: at % 5 ? 'PASSED' : 'FAILED',
        submittedAt: time(Math.floor(at / 4)),
      });
      made.push(one);
      await results.put(one);
    }
    await listsByFilters((query: ResultQuery) => results.list(query), made.toReversed(), {
      digest: [digest('two'), (one) => one.digest === digest('two')],
      testcase: ['boot', ({ testcase }) => testcase === 'boot'],
      source: ['ci', ({ source }) => source === 'ci'],
      outcome: ['FAILED', ({ outcome }) => outcome === 'FAILED'],
      since: [time(2), ({ submittedAt }) => submittedAt >= time(2)],
    });
  });
}
