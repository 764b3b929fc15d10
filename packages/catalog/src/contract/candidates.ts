import type { Candidate, CandidateQuery } from '../index.ts';
import type { CatalogPlace } from '../catalog.contract.ts';
import { candidateRecord } from '../record-keys.ts';
import { allPages, AWKWARD_NAMES, candidate, digest, eventOf, refusesBadPages, time } from './samples.ts';

export function candidatesContract(open: () => Promise<CatalogPlace>): void {
  test('a candidate comes back as it was put, awkward labels too', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const whole = candidate({
      labels: AWKWARD_NAMES,
      companions: [{ tag: `sha256-${'0'.repeat(64)}.sig`, digest: digest('signature') }],
      referrers: [digest('sbom')],
    });
    await candidates.put(whole);
    const found = await candidates.current('app', 'latest');
    expect(found).toEqual(whole);
    expect(Object.entries(found?.labels ?? {})).toEqual(Object.entries(AWKWARD_NAMES));
    expect(await candidates.current('app', 'other')).toBeUndefined();
    expect(await candidates.current('other', 'latest')).toBeUndefined();
  });

  test("the candidate put last is its tag's newest, whatever its time, also one that was there before", async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const one = candidate({ digest: digest('one'), syncedAt: time(10) });
    const two = candidate({ digest: digest('two'), syncedAt: time(5) });
    await candidates.put(one);
    await candidates.put(two);
    expect(await candidates.current('app', 'latest')).toEqual(two);
    await candidates.put({ ...one, syncedAt: time(1), size: 1 });
    expect(await candidates.current('app', 'latest')).toEqual({ ...one, syncedAt: time(1), size: 1 });
    const all = await candidates.list({ limit: 10 });
    expect(all.items.map((item) => item.digest)).toEqual([two.digest, one.digest]); // replaced, not doubled
  });

  test('who has a turn puts what was found at that turn: what was put since stays the newest', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const [former, newer] = [candidate({ digest: digest('former') }), candidate({ digest: digest('newer') })];
    const [first, second, third] = [
      await candidates.turn(),
      await candidates.turn(),
      await candidates.turn(),
    ];
    await candidates.put(former, [], await candidates.turn());
    expect(await candidates.current('app', 'latest')).toEqual(former);
    await candidates.put(newer, [], await candidates.turn());
    expect(await candidates.current('app', 'latest')).toEqual(newer);
    await candidates.put(candidate({ digest: digest('found early') }), [], first);
    await candidates.put({ ...former, size: 1 }, [], second); // also one that is there already
    expect(await candidates.current('app', 'latest')).toEqual(newer);
    expect((await candidates.currentOf('candidates', 'candidate/app')).get('latest')).toEqual(newer);
    // Of another tag nothing was put since.
    await candidates.put(candidate({ tag: 'other' }), [], third);
    expect(await candidates.current('app', 'other')).toEqual(candidate({ tag: 'other' }));
  });

  test('byDigest finds the newest of a digest in one repository, under whichever tag', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    await candidates.put(candidate({ tag: 'a', syncedAt: time(1) }));
    await candidates.put(candidate({ tag: 'b', syncedAt: time(2) }));
    await candidates.put(candidate({ tag: 'b', digest: digest('two'), syncedAt: time(3) }));
    await candidates.put(candidate({ tag: 'c', repository: 'other', syncedAt: time(4) }));
    expect((await candidates.byDigest('app', digest('one')))?.tag).toBe('b');
    expect(await candidates.byDigest('app', digest('three'))).toBeUndefined();
  });

  test('currentOf has the newest of each tag of one repository of one source', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    await candidates.put(candidate({ tag: 'a', digest: digest('old') }));
    await candidates.put(candidate({ tag: 'a', digest: digest('new') }));
    await candidates.put(candidate({ tag: '__proto__', digest: digest('odd') }));
    await candidates.put(candidate({ tag: 'b', sourceRepository: 'candidate/other', repository: 'other' }));
    await candidates.put(candidate({ tag: 'c', source: 'elsewhere', repository: 'else' }));
    const current = await candidates.currentOf('candidates', 'candidate/app');
    expect(new Map([...current].map(([tag, found]) => [tag, found.digest]))).toEqual(
      new Map([
        ['a', digest('new')],
        ['__proto__', digest('odd')],
      ]),
    );
    expect(await candidates.currentOf('nowhere', 'candidate/app')).toEqual(new Map());
  });

  test('a tag that is gone is marked on its newest candidate, once, and is known again by a later put', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const old = candidate({ tag: 'a', digest: digest('old') });
    const newest = candidate({ tag: 'a', digest: digest('new'), labels: AWKWARD_NAMES });
    await candidates.put(old);
    await candidates.put(newest);
    await candidates.put(candidate({ tag: 'b' }));
    const markGone = (tag: string, at: number) =>
      candidates.markGone('candidates', 'candidate/app', tag, time(at));
    expect(await markGone('a', 5)).toBe(true);
    expect(await markGone('a', 6)).toBe(true);
    expect(await markGone('c', 5)).toBe(false);
    expect(await candidates.markGone('elsewhere', 'candidate/app', 'b', time(5))).toBe(false);

    const gone = { ...newest, goneAt: time(5) };
    expect(await candidates.current('app', 'a')).toEqual(gone); // can be promoted as before
    expect((await candidates.list({ limit: 10, tag: 'a' })).items).toEqual([gone, old]);
    const known = () => candidates.currentOf('candidates', 'candidate/app');
    expect([...(await known()).keys()]).toEqual(['b']);

    await candidates.put(newest);
    expect((await known()).get('a')).toEqual(newest);
    await markGone('a', 7);
    await candidates.put(old);
    expect((await known()).get('a')).toEqual(old);
  });

  test('sourceOf says where a published name comes from', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    await candidates.put(candidate());
    expect(await candidates.sourceOf('app')).toEqual({
      source: 'candidates',
      sourceRepository: 'candidate/app',
    });
    expect(await candidates.sourceOf('candidate/app')).toBeUndefined();
  });

  test('list filters by each filter and all together, newest first, in pages of any size', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const put: Candidate[] = [];
    for (const [at, repository] of ['app', 'web'].entries()) {
      for (const [by, tag] of ['1.0', '1.1', 'latest'].entries()) {
        for (const [of, name] of ['one', 'two'].entries()) {
          // several share a time: then the one that was put later comes first
          put.push(
            candidate({
              repository,
              tag,
              digest: digest(name),
              syncedAt: time(Math.floor((at + by + of) / 2)),
            }),
          );
        }
      }
    }
    for (const one of put) await candidates.put(one);
    const newestFirst = put
      .map((one, order) => ({ one, order }))
      .toSorted((a, b) => b.one.syncedAt.localeCompare(a.one.syncedAt) || b.order - a.order)
      .map(({ one }) => one);
    for (let filters = 0; filters < 16; filters++) {
      const query: Omit<CandidateQuery, 'limit'> = {
        ...(filters & 1 ? { repository: 'web' } : {}),
        ...(filters & 2 ? { tag: '1.1' } : {}),
        ...(filters & 4 ? { digest: digest('two') } : {}),
        ...(filters & 8 ? { since: time(1) } : {}),
      };
      const expected = newestFirst.filter(
        (one) =>
          (query.repository === undefined || one.repository === query.repository) &&
          (query.tag === undefined || one.tag === query.tag) &&
          (query.digest === undefined || one.digest === query.digest) &&
          (query.since === undefined || one.syncedAt >= query.since),
      );
      for (const limit of [1, 2, 5, 100]) {
        const found = await allPages((page) => candidates.list({ ...query, ...page }), limit);
        expect(found).toEqual(expected);
      }
    }
  });

  test('pages stay as they were while candidates come in', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const former = Array.from({ length: 9 }, (_, at) => candidate({ tag: `t${at}`, syncedAt: time(at) }));
    for (const one of former) await candidates.put(one);
    let more = 0;
    const found = await allPages(
      (page) => candidates.list(page),
      2,
      () => candidates.put(candidate({ tag: `new${more++}`, syncedAt: time(100) })),
    );
    expect(found).toEqual(former.toReversed());
    expect(more).toBeGreaterThan(3);
  });

  test('holding has those that have a digest as theirs or as a companion or referrer, in pages of any size', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const wanted = digest('wanted');
    const all = [
      candidate({ tag: 'own', digest: wanted }),
      candidate({ tag: 'companion', companions: [{ tag: 'sha256-x.sig', digest: wanted }] }),
      candidate({ tag: 'referrer', referrers: [digest('other'), wanted] }),
      candidate({
        tag: 'all',
        digest: wanted,
        companions: [{ tag: 'x', digest: wanted }],
        referrers: [wanted],
      }),
      candidate({ source: 'other', repository: 'elsewhere', digest: wanted }),
    ];
    for (const one of all) await candidates.put(one);
    await candidates.put(candidate({ tag: 'none' }));
    await candidates.put(candidate({ tag: 'moved', digest: wanted }));
    await candidates.put(candidate({ tag: 'moved', digest: digest('two') }));
    const expected = [...all, candidate({ tag: 'moved', digest: wanted })];
    for (const limit of [1, 2, 5, 100]) {
      // What is put anew meanwhile neither comes twice nor is left out.
      const found = await allPages(
        (page) => candidates.holding(wanted, page),
        limit,
        () => candidates.put(all[0] as Candidate),
      );
      expect(sorted(found)).toEqual(sorted(expected));
    }
    await candidates.put(candidate({ tag: 'referrer', referrers: [digest('other')] }));
    await candidates.put(candidate({ tag: 'none', referrers: [wanted] }));
    const { items } = await candidates.holding(wanted, { limit: 10 });
    expect(items.map(({ tag }) => tag).toSorted()).toEqual(
      ['all', 'companion', 'latest', 'moved', 'none', 'own'].toSorted(),
    );
    await refusesBadPages((page) => candidates.holding(wanted, page));
  });

  test('when the newest candidate of a tag is removed, the one before it is the newest', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const [former, newest] = [candidate({ syncedAt: time(9) }), candidate({ digest: digest('two') })];
    await candidates.put(former);
    await candidates.put(newest);
    await candidates.put(candidate({ tag: 'other', digest: digest('two') }));
    for (let times = 0; times < 2; times++) await candidates.remove([newest, candidate({ tag: 'absent' })]);
    await candidates.remove([]);
    expect(await candidates.current('app', 'latest')).toEqual(former);
    expect((await candidates.currentOf('candidates', 'candidate/app')).get('latest')).toEqual(former);
    expect((await candidates.list({ limit: 10 })).items).toHaveLength(2);
    const held = await candidates.holding(digest('two'), { limit: 10 });
    expect(held.items.map(({ tag }) => tag)).toEqual(['other']);
    await candidates.put(newest);
    expect(await candidates.current('app', 'latest')).toEqual(newest);
    await candidates.remove([newest, former]);
    expect(await candidates.current('app', 'latest')).toBeUndefined();
  });

  test('a candidate that is collected stays known, and is in no list until it is put again', async () => {
    await using place = await open();
    const { candidates, outbox } = await place.connect();
    const old = candidate({ digest: digest('old'), labels: AWKWARD_NAMES, syncedAt: time(1) });
    const newest = candidate({ digest: digest('new'), syncedAt: time(2) });
    const elsewhere = candidate({ digest: digest('old'), tag: 'other', syncedAt: time(0) });
    const record = candidateRecord(old);
    await candidates.put(old, [eventOf(record, 'synced')]);
    await candidates.put(newest);
    await candidates.put(elsewhere);
    for (const at of [5, 6]) await candidates.collect([old, candidate({ tag: 'absent' })], time(at));
    await candidates.collect([], time(7));
    await candidates.collect([{ ...newest, syncedAt: time(1) }], time(7)); // as it was before it came anew
    const collected = { ...old, collectedAt: time(5) };

    const page = { limit: 10 };
    const filters = [{}, { repository: 'app' }, { tag: 'latest' }, { since: time(0) }];
    for (const filter of filters)
      expect((await candidates.list({ ...filter, ...page })).items).not.toContainEqual(collected);
    expect((await candidates.list({ digest: digest('old'), ...page })).items).toEqual([elsewhere]);
    expect((await candidates.list(page)).items).toEqual([newest, elsewhere]);
    expect((await candidates.holding(digest('old'), page)).items).toContainEqual(collected);
    expect(await candidates.byDigest('app', digest('old'))).toEqual(elsewhere); // though it is older
    expect(await candidates.current('app', 'latest')).toEqual(newest);
    expect((await outbox.pending('9999', 10)).map(({ type }) => type)).toEqual(['synced']);

    await candidates.collect([elsewhere, newest], time(7));
    expect((await candidates.list(page)).items).toEqual([]);
    expect(await candidates.byDigest('app', digest('old'))).toEqual(collected);
    expect(await candidates.current('app', 'latest')).toEqual({ ...newest, collectedAt: time(7) });
    expect(await candidates.currentOf('candidates', 'candidate/app')).toEqual(
      new Map([
        ['latest', { ...newest, collectedAt: time(7) }],
        ['other', { ...elsewhere, collectedAt: time(7) }],
      ]),
    );
    expect(await candidates.sourceOf('app')).toEqual({
      source: 'candidates',
      sourceRepository: 'candidate/app',
    });
    expect(await candidates.markGone('candidates', 'candidate/app', 'latest', time(8))).toBe(true);
    expect(await candidates.current('app', 'latest')).toEqual({
      ...newest,
      goneAt: time(8),
      collectedAt: time(7),
    });

    await candidates.put(collected); // as it was read
    expect(await candidates.current('app', 'latest')).toEqual(old);
    expect((await candidates.list(page)).items).toEqual([old]);
    await candidates.put(candidate({ digest: digest('third'), syncedAt: time(9) }));
    expect(await candidates.byDigest('app', digest('new'))).toMatchObject({ collectedAt: time(7) });
    await candidates.remove([newest]);
    expect(await candidates.byDigest('app', digest('new'))).toBeUndefined();
  });

  test('pages have no candidate that is collected, and leave none out, while some are', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    const all = Array.from({ length: 9 }, (_, at) => candidate({ tag: `t${at}`, syncedAt: time(at) }));
    for (const one of all) await candidates.put(one);
    await candidates.collect(
      all.filter((_, at) => at % 3 === 0),
      time(20),
    );
    const kept = all.filter((_, at) => at % 3 !== 0).toReversed();
    for (const limit of [1, 2, 100])
      expect(await allPages((page) => candidates.list(page), limit)).toEqual(kept);
    const seen = await allPages(
      (page) => candidates.list(page),
      2,
      () => candidates.collect(kept.slice(0, 2), time(21)), // behind the page
    );
    expect(seen).toEqual(kept);
  });

  test('a garbled cursor and a limit that is none are refused', async () => {
    await using place = await open();
    const { candidates } = await place.connect();
    await refusesBadPages((page) => candidates.list(page));
  });
}

function sorted(candidates: readonly Candidate[]): Candidate[] {
  return candidates.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
