import type { CatalogPlace } from '../catalog.contract.ts';
import type { Report, ReportQuery } from '../index.ts';
import { digest, listsByFilters, report, time } from './samples.ts';

export function reportsContract(open: () => Promise<CatalogPlace>): void {
  test('a report comes back as it was put, with thousands of findings', async () => {
    await using place = await open();
    const { reports } = await place.connect();
    const whole = report('r1', {
      findings: Array.from({ length: 10_000 }, (_, at) => ({
        id: `CVE-2026-${at}`,
        severity: 'high' as const,
        package: 'openssl',
        version: '3.0.11-1~deb12u2',
        fixedIn: '3.0.14-1~deb12u1',
      })),
    });
    expect(await reports.put(whole)).toBe(true);
    expect(await reports.get('r1')).toEqual(whole);
    expect(await reports.get('r2')).toBeUndefined();
  });

  test('what is put twice is one report, however many put it at once', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const news = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        (at % 2 ? one : other).reports.put(
          report('r1', { scanner: `${at}`, findings: [{ id: `CVE-${at}`, severity: 'low' }] }),
        ),
      ),
    );
    expect(news.filter(Boolean)).toHaveLength(1);
    const winner = news.indexOf(true);
    expect(await one.reports.get('r1')).toMatchObject({
      scanner: `${winner}`,
      findings: [{ id: `CVE-${winner}` }],
    });
  });

  test('latest has the newest of each source of a digest, with its findings', async () => {
    await using place = await open();
    const { reports } = await place.connect();
    const findings = [{ id: 'CVE-1', severity: 'low' }] as const;
    const newest = report('newer', { submittedAt: time(5), findings });
    await reports.put(newest);
    await reports.put(report('older, though it came later', { submittedAt: time(4) }));
    await reports.put(report('of that moment, first', { source: 'a' }));
    await reports.put(report('of that moment, then', { source: 'a' }));
    await reports.put(report('another digest', { digest: digest('two') }));
    const found = await reports.latest(digest('one'));
    expect(found.map(({ id }) => id)).toEqual(['of that moment, then', 'newer']);
    expect(found[1]).toEqual(newest);
    expect(await reports.latest(digest('three'))).toEqual([]);
  });

  test('list filters by digest and source, newest first and without findings, in pages of any size', async () => {
    await using place = await open();
    const { reports } = await place.connect();
    const made: Omit<Report, 'findings'>[] = [];
    for (let at = 0; at < 12; at++) {
      const one = report(`r${at}`, {
        digest: digest(at % 2 ? 'one' : 'two'),
        source: at % 3 ? 'ci' : 'lab',
        submittedAt: time(Math.floor(at / 4)),
        findings: [{ id: 'CVE-1', severity: 'low' }],
      });
      await reports.put(one);
      const { findings: _, ...summary } = one;
      made.push(summary);
    }
    await listsByFilters((query: ReportQuery) => reports.list(query), made.toReversed(), {
      digest: [digest('two'), (one) => one.digest === digest('two')],
      source: ['ci', ({ source }) => source === 'ci'],
    });
  });
}
