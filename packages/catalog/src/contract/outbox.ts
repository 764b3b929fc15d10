import type { CatalogPlace } from '../catalog.contract.ts';
import type { Catalog, OutboxEvent } from '../index.ts';
import {
  candidateRecord,
  confirmationRecord,
  promotionRecord,
  publicationRecord,
  taskRecord,
} from '../record-keys.ts';
import {
  AWKWARD_NAMES,
  candidate,
  confirmation,
  digest,
  eventOf,
  promotion,
  publication,
  task,
  time,
} from './samples.ts';

/** A time that has come when every event stored so far is pending. */
const LATER = '9999-01-01T00:00:00.000Z';

export function outboxContract(open: () => Promise<CatalogPlace>): void {
  test('an event of each kind of record is stored with it, and the record is read without', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const one = candidate();
    const ofCandidate = eventOf(candidateRecord(one), 'candidate.synced', {
      data: { labels: AWKWARD_NAMES },
    });
    await catalog.candidates.put(one, [ofCandidate]);
    const published = publication(7);
    const ofPublication = eventOf(publicationRecord(published), 'publication.done');
    await catalog.publications.put(published, [ofPublication]);
    const confirmed = confirmation(7, 'a');
    const ofConfirmation = eventOf(confirmationRecord(confirmed), 'mirror.late');
    await catalog.confirmations.put(confirmed, [ofConfirmation]);
    const ofPromotion = eventOf(promotionRecord({ id: 'p1' }), 'promotion.accepted');
    const created = await catalog.promotions.create(promotion('p1'), [ofPromotion]);
    const ofTask = eventOf(taskRecord({ id: 't1' }), 'sync.done');
    const made = await catalog.tasks.create(task('t1'));
    const replaced = await catalog.tasks.replace({ ...made, state: 'done' }, [ofTask]);

    expect(byId(await catalog.outbox.pending(LATER, 10))).toEqual(
      byId([ofCandidate, ofPublication, ofConfirmation, ofPromotion, ofTask]),
    );
    expect(await catalog.candidates.current('app', 'latest')).toEqual(one);
    expect((await catalog.candidates.currentOf(one.source, one.sourceRepository)).get('latest')).toEqual(one);
    expect((await catalog.candidates.list({ limit: 10 })).items).toEqual([one]);
    expect(await catalog.publications.get('public', 7)).toEqual(published);
    expect(await catalog.publications.latest('public')).toEqual(published);
    expect(created.promotion).toEqual({
      ...promotion('p1'),
      sequence: created.promotion.sequence,
      revision: 1,
    });
    expect(await catalog.promotions.get('p1')).toEqual(created.promotion);
    expect(await catalog.promotions.inStates(['queued'])).toEqual([created.promotion]);
    expect(replaced).toEqual({ ...made, state: 'done', revision: 2 });
    expect(await catalog.tasks.get('t1')).toEqual(replaced);
    expect((await catalog.tasks.list({ limit: 10 })).items).toEqual([replaced]);
  });

  test('a write that has no effect stores no event', async () => {
    await using place = await open();
    const { promotions, tasks, outbox } = await place.connect();
    const idempotency = { key: 'key', body: digest('body') };
    const { promotion: first } = await promotions.create(promotion('p1', { idempotency }));
    await promotions.replace({ ...first, state: 'gating' });
    const made = await tasks.create(task('t1'));
    await tasks.replace({ ...made, state: 'running' });

    expect(
      await promotions.replace({ ...first, state: 'cancelled' }, lost('p1', 'cancelled')),
    ).toBeUndefined();
    expect((await promotions.create(promotion('p2', { idempotency }), lost('p2', 'accepted'))).created).toBe(
      false,
    );
    await expect(promotions.create(promotion('p1'), lost('p1', 'accepted'))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const unknown = { ...first, id: 'p3', idempotency: { key: 'other', body: digest('body') } };
    expect(await promotions.replace(unknown, lost('p3', 'done'))).toBeUndefined();
    expect(
      await tasks.replace({ ...made, state: 'done' }, [eventOf(taskRecord({ id: 't1' }), 'sync.done')]),
    ).toBeUndefined();
    expect(await outbox.pending(LATER, 10)).toEqual([]);
  });

  test('of two that replace the same revision, the one that was faster alone has its event', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const { promotion: first } = await one.promotions.create(promotion('p1'));
    const end = async (catalog: Catalog, state: 'done' | 'cancelled') => ({
      state,
      won: await catalog.promotions.replace({ ...first, state }, [eventOf(promotionRecord(first), state)]),
    });
    const ends = await Promise.all([end(one, 'done'), end(other, 'cancelled')]);
    const winners = ends.filter(({ won }) => won !== undefined).map(({ state }) => state);
    expect(winners).toHaveLength(1);
    expect((await one.outbox.pending(LATER, 10)).map(({ type }) => type)).toEqual(winners);
  });

  test('pending goes from the oldest on, over all records, and as far as it is asked to', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const { promotions, outbox } = catalog;
    const ids = ['z', 'a', 'm'];
    for (const id of ids) {
      await promotions.create(promotion(id), [
        eventOf(promotionRecord({ id }), 'second-by-name'),
        eventOf(promotionRecord({ id }), 'first-by-name'),
      ]);
      await clockTick(catalog);
    }
    // a later event of the record whose first is the oldest of all
    const z = await promotions.get('z');
    if (z === undefined) throw new Error('z is not there');
    await promotions.replace(z, [eventOf(promotionRecord(z), 'last')]);

    const expected = [
      ...ids.flatMap((id) => [`promotions/${id}/second-by-name`, `promotions/${id}/first-by-name`]),
      'promotions/z/last',
    ];
    for (const limit of [1, 2, 3, 6, 7, 50]) {
      expect((await outbox.pending(LATER, limit)).map(({ id }) => id)).toEqual(expected.slice(0, limit));
    }
  });

  test('pending leaves out what was stored later, by the clock of the leases', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const { promotions, outbox } = catalog;
    const before = await clockTick(catalog);
    await promotions.create(promotion('p1'), [eventOf(promotionRecord({ id: 'p1' }), 'accepted')]);
    const between = await clockTick(catalog);
    await promotions.create(promotion('p2'), [eventOf(promotionRecord({ id: 'p2' }), 'accepted')]);
    const after = await clockTick(catalog);
    const pending = async (at: string) => (await outbox.pending(at, 10)).map(({ record }) => record.key);
    expect(await pending(before)).toEqual([]);
    expect(await pending(between)).toEqual(['p1']);
    expect(await pending(after)).toEqual(['p1', 'p2']);
  });

  test('events of a record that is replaced stay, and its next ones come behind them', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const { candidates, promotions, publications, outbox } = catalog;
    const one = candidate();
    const shown = publication(1);
    await candidates.put(one, [eventOf(candidateRecord(one), 'first')]);
    await publications.put(shown, [eventOf(publicationRecord(shown), 'first')]);
    const { promotion: first } = await promotions.create(promotion('p1'), [
      eventOf(promotionRecord({ id: 'p1' }), 'first'),
    ]);
    await clockTick(catalog);
    await candidates.put({ ...one, syncedAt: time(9) });
    await candidates.put({ ...one, syncedAt: time(10) }, [eventOf(candidateRecord(one), 'second')]);
    await candidates.markGone(one.source, one.sourceRepository, one.tag, time(11));
    await publications.put({ ...shown, state: 'published' }, [eventOf(publicationRecord(shown), 'second')]);
    const next = await promotions.replace({ ...first, state: 'gating' });
    if (next === undefined) throw new Error('the promotion was not replaced');
    await promotions.replace({ ...next, state: 'done' }, [eventOf(promotionRecord(next), 'second')]);

    const found = await outbox.pending(LATER, 10);
    for (const noun of ['candidates', 'publications', 'promotions']) {
      expect(found.filter(({ record }) => record.noun === noun).map(({ type }) => type)).toEqual([
        'first',
        'second',
      ]);
    }
  });

  test('sent takes out just what it is given, through any connection, and again is no error', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const record = promotionRecord({ id: 'p1' });
    const events = ['a', 'b', 'c'].map((what) => eventOf(record, what));
    const [a, b, c] = events as [OutboxEvent, OutboxEvent, OutboxEvent];
    const { promotion: first } = await one.promotions.create(promotion('p1'), events);
    const foreign = eventOf(taskRecord({ id: 't1' }), 'sync.done');
    await one.tasks.replace(await one.tasks.create(task('t1')), [foreign]);

    await other.outbox.sent([b]);
    expect(byId(await one.outbox.pending(LATER, 10))).toEqual(byId([a, c, foreign]));
    await other.outbox.sent([b, a, foreign]);
    await other.outbox.sent([]);
    await other.outbox.sent([eventOf(promotionRecord({ id: 'unknown' }), 'done')]);
    expect(await one.outbox.pending(LATER, 10)).toEqual([c]);
    expect(await one.promotions.get('p1')).toEqual(first); // at the same revision: nothing of it has changed
    await one.outbox.sent([c]);
    expect(await other.outbox.pending(LATER, 10)).toEqual([]);
  });

  test('one that was stored again while it waited is taken out as one', async () => {
    await using place = await open();
    const { publications, outbox } = await place.connect();
    const done = [eventOf(publicationRecord(publication(1)), 'publication.done')];
    await publications.put(publication(1, { state: 'published' }), done);
    await publications.put(publication(1, { state: 'published' }), done);
    const waiting = await outbox.pending(LATER, 10);
    expect(new Set(waiting.map(({ id }) => id))).toEqual(new Set(done.map(({ id }) => id)));
    await outbox.sent(done);
    expect(await outbox.pending(LATER, 10)).toEqual([]);
  });

  test('many events of many records come and go', async () => {
    await using place = await open();
    const { candidates, outbox } = await place.connect();
    const many = Array.from({ length: 100 }, (_, at) => candidate({ tag: `t${at}` }));
    await Promise.all(
      many.map((one) => candidates.put(one, [eventOf(candidateRecord(one), 'candidate.synced')])),
    );
    const seen = new Set<string>();
    for (;;) {
      const found = await outbox.pending(LATER, 40);
      if (found.length === 0) break;
      for (const { id } of found) seen.add(id);
      await outbox.sent(found);
    }
    expect(seen.size).toBe(100);
  });

  test('those that wait are counted, as far as it is asked to', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const { candidates, promotions, outbox } = catalog;
    expect(await outbox.count(10)).toBe(0);
    const one = candidate();
    await candidates.put(one, [eventOf(candidateRecord(one), 'candidate.synced')]);
    await candidates.put(candidate({ tag: 'without' }));
    for (const id of ['a', 'b', 'c'])
      await promotions.create(promotion(id), [eventOf(promotionRecord({ id }), 'accepted')]);
    expect(await outbox.count(10)).toBe(4);
    expect(await outbox.count(4)).toBe(4);
    expect(await outbox.count(3)).toBe(3);
    await outbox.sent(await outbox.pending(LATER, 3));
    expect(await outbox.count(10)).toBe(1);
    // Of one record, as one or each: never none while some wait.
    const a = await promotions.get('a');
    if (a === undefined) throw new Error('a is not there');
    const last = ['done', 'told'].map((what) => eventOf(promotionRecord(a), what));
    await promotions.replace(a, last);
    expect([2, 3]).toContain(await outbox.count(10));
    await outbox.sent(await outbox.pending(LATER, 10));
    expect(await outbox.count(10)).toBe(0);
  });

  test('a connection tells of the events that it has stored, and of no others', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const told: string[] = [];
    const listening = one.onEvents?.((events) => told.push(...events.map(({ id }) => id)));
    expect(listening).toBeDefined();
    const { promotion: first } = await one.promotions.create(promotion('p1'), [
      eventOf(promotionRecord({ id: 'p1' }), 'accepted'),
    ]);
    const ended = (what: string) => [eventOf(promotionRecord(first), what)];
    await other.promotions.replace({ ...first, state: 'done' }, ended('done'));
    await one.promotions.replace({ ...first, state: 'cancelled' }, ended('cancelled'));
    await one.candidates.put(candidate());
    await one.candidates.put(candidate(), [eventOf(candidateRecord(candidate()), 'candidate.synced')]);
    listening?.[Symbol.dispose]();
    await one.publications.put(publication(1), [
      eventOf(publicationRecord(publication(1)), 'publication.done'),
    ]);
    expect(told).toEqual([
      'promotions/p1/accepted',
      `candidates/${candidateRecord(candidate()).key}/candidate.synced`,
    ]);
  });
}

function byId(events: readonly OutboxEvent[]): OutboxEvent[] {
  return events.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Of a write that must not come to pass. */
function lost(id: string, what: string): OutboxEvent[] {
  return [eventOf(promotionRecord({ id }), what)];
}

/** The catalog's time, once it has gone on from what it was. */
async function clockTick({ leases }: Catalog): Promise<string> {
  const read = async () => {
    const lease = await leases.acquire('what time is it', 'the contract', 0);
    if (lease === undefined) throw new Error('the lease was not given');
    return lease.expiresAt;
  };
  const first = await read();
  for (;;) {
    const now = await read();
    if (now > first) return first;
  }
}
