import type { Promotion, PromotionQuery } from '../index.ts';
import type { CatalogPlace } from '../catalog.contract.ts';
import { updatePromotion } from '../replace-until-done.ts';
import { allPages, digest, promotion, refusesBadPages, time } from './samples.ts';

export function promotionsContract(open: () => Promise<CatalogPlace>): void {
  test('a new promotion gets a sequence and revision 1, and comes back whole', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    const asked = promotion('p1', { reason: 'release', timeline: [{ at: time(0), state: 'queued' }] });
    const { promotion: made, created } = await promotions.create(asked);
    expect(created).toBe(true);
    expect(made).toEqual({ ...asked, sequence: made.sequence, revision: 1 });
    expect(made.sequence).toBeGreaterThan(0);
    expect(await promotions.get('p1')).toEqual(made);
    expect(await promotions.get('p2')).toBeUndefined();
  });

  test('sequences rise with acceptance, over all connections', async () => {
    await using place = await open();
    const first = await place.connect();
    const second = await place.connect();
    const sequences: number[] = [];
    for (let at = 0; at < 20; at++) {
      const { promotions } = at % 2 ? first : second;
      sequences.push((await promotions.create(promotion(`p${at}`))).promotion.sequence);
    }
    expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
  });

  test('an idempotency key makes one promotion, however many ask at once', async () => {
    await using place = await open();
    const first = await place.connect();
    const second = await place.connect();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        (at % 2 ? first : second).promotions.create(
          promotion(`p${at}`, { idempotency: { key: 'key', body: digest(`body ${at}`) } }),
        ),
      ),
    );
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    const [made] = answers;
    for (const answer of answers) expect(answer.promotion).toEqual(made?.promotion);
    for (const { promotions } of [first, second]) {
      expect(await promotions.byIdempotencyKey('key')).toEqual(made?.promotion);
      expect((await promotions.list({ limit: 100 })).items).toHaveLength(1);
    }
  });

  test('promotions without a key, or with another one, are not mixed up', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    await promotions.create(promotion('p1'));
    const second = await promotions.create(promotion('p2'));
    const third = await promotions.create(promotion('p3', { idempotency: { key: 'a', body: digest('a') } }));
    expect([second.created, third.created]).toEqual([true, true]);
    expect(await promotions.byIdempotencyKey('b')).toBeUndefined();
  });

  test('a key that was forgotten makes a new promotion; the former one stays, and can be changed as before', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    const [old, young] = [
      (await promotions.create(keyed('old', 1))).promotion,
      (await promotions.create(keyed('young', 2))).promotion,
    ];
    for (let times = 0; times < 2; times++) await promotions.forgetKeys(time(2));
    expect(await promotions.byIdempotencyKey('key 1')).toBeUndefined();
    expect(await promotions.byIdempotencyKey('key 2')).toEqual(young);
    const { idempotency: _, ...forgotten } = old;
    expect(await promotions.get('old')).toEqual(forgotten);
    expect((await promotions.list({ limit: 10 })).items).toEqual([young, forgotten]);

    const next = await promotions.create(keyed('next', 1));
    expect(next).toMatchObject({ created: true, promotion: { id: 'next' } });
    expect(await promotions.byIdempotencyKey('key 1')).toEqual(next.promotion);
    expect((await promotions.create(keyed('again', 2))).created).toBe(false);
    // who has read it before its key was forgotten replaces it, and does not bring the key back
    expect(await promotions.replace({ ...old, state: 'gating' })).toMatchObject({ revision: 2 });
    expect(await promotions.get('old')).toEqual({ ...forgotten, state: 'gating', revision: 2 });
    expect(await promotions.byIdempotencyKey('key 1')).toEqual(next.promotion);
  });

  test('an id that is taken is refused, and the other creations of the moment go through', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    await promotions.create(promotion('p1'));
    const answers = await Promise.allSettled(
      ['p0', 'p1', 'p2'].map((id) => promotions.create(promotion(id))),
    );
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[1]).toMatchObject({ reason: { code: 'CONFLICT' } });
    expect((await promotions.list({ limit: 10 })).items).toHaveLength(3);
  });

  test('replace takes the revision that was read, and no other', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    const { promotion: made } = await promotions.create(promotion('p1'));
    const changed = await promotions.replace({ ...made, state: 'gating' });
    expect(changed).toEqual({ ...made, state: 'gating', revision: 2 });
    expect(await promotions.replace({ ...made, state: 'failed' })).toBeUndefined();
    expect(await promotions.replace({ ...made, id: 'unknown' })).toBeUndefined();
    expect(await promotions.get('p1')).toEqual(changed);
  });

  test('of many that replace the same revision at once, one wins', async () => {
    await using place = await open();
    const first = await place.connect();
    const second = await place.connect();
    const { promotion: made } = await first.promotions.create(promotion('p1'));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        (at % 2 ? first : second).promotions.replace({ ...made, serial: at }),
      ),
    );
    const won = answers.filter((answer) => answer !== undefined);
    expect(won).toHaveLength(1);
    expect(await second.promotions.get('p1')).toEqual(won[0]);
  });

  test('updatePromotion loses no change, however many change at once', async () => {
    await using place = await open();
    const first = await place.connect();
    const second = await place.connect();
    await first.promotions.create(promotion('p1'));
    await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        updatePromotion(at % 2 ? first : second, 'p1', (found) => ({
          ...found,
          timeline: [...found.timeline, { at: time(at), state: 'queued' as const }],
        })),
      ),
    );
    const changed = await first.promotions.get('p1');
    expect(changed?.revision).toBe(21);
    expect(changed?.timeline.map(({ at }) => at).toSorted()).toEqual(
      Array.from({ length: 20 }, (_, at) => time(at)),
    );
  });

  test('updatePromotion leaves as it is what the change gives nothing for, and names an unknown id', async () => {
    await using place = await open();
    const catalog = await place.connect();
    const { promotion: made } = await catalog.promotions.create(promotion('p1'));
    expect(await updatePromotion(catalog, 'p1', () => undefined)).toEqual(made);
    expect(await catalog.promotions.get('p1')).toEqual(made);
    await expect(updatePromotion(catalog, 'p2', (found) => found)).rejects.toMatchObject({
      code: 'PROMOTION_UNKNOWN',
      message: expect.stringContaining('p2'),
    });
  });

  test('inStates has all in the states asked for, in the order of acceptance', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    for (const [at, state] of (
      ['queued', 'done', 'publishing', 'queued', 'failed', 'publishing'] as const
    ).entries()) {
      // a clock that ran backwards changes nothing
      await promotions.create(promotion(`p${at}`, { state, createdAt: time(-at) }));
    }
    await updatePromotion({ promotions }, 'p1', (done) => ({ ...done, state: 'queued' }));
    const ids = async (states: Parameters<typeof promotions.inStates>[0]) =>
      (await promotions.inStates(states)).map(({ id }) => id);
    expect(await ids(['publishing', 'queued'])).toEqual(['p0', 'p1', 'p2', 'p3', 'p5']);
    expect(await ids(['failed'])).toEqual(['p4']);
    expect(await ids(['done'])).toEqual([]);
    expect(await ids([])).toEqual([]);
  });

  test('list filters by state, channel and time, newest first, in pages of any size', async () => {
    await using place = await open();
    const { promotions } = await place.connect();
    const made: Promotion[] = [];
    for (let at = 0; at < 12; at++) {
      const also = {
        state: at % 2 ? ('done' as const) : ('queued' as const),
        to: at % 3 ? 'stable' : 'testing',
        createdAt: time(Math.floor(at / 4)),
      };
      made.push((await promotions.create(promotion(`p${at}`, also))).promotion);
    }
    for (let filters = 0; filters < 8; filters++) {
      const query: Omit<PromotionQuery, 'limit'> = {
        ...(filters & 1 ? { state: 'done' } : {}),
        ...(filters & 2 ? { to: 'testing' } : {}),
        ...(filters & 4 ? { since: time(1) } : {}),
      };
      const expected = made
        .filter(
          (one) =>
            (query.state === undefined || one.state === query.state) &&
            (query.to === undefined || one.to === query.to) &&
            (query.since === undefined || one.createdAt >= query.since),
        )
        .toReversed();
      for (const limit of [1, 3, 100]) {
        expect(await allPages((page) => promotions.list({ ...query, ...page }), limit)).toEqual(expected);
      }
    }
    await refusesBadPages((page) => promotions.list(page));
  });
}

/** A promotion of a second of the sample day, with a key of that second. */
function keyed(id: string, at: number): ReturnType<typeof promotion> {
  return promotion(id, { createdAt: time(at), idempotency: { key: `key ${at}`, body: digest('body') } });
}
