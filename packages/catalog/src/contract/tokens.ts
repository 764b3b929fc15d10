import type { CatalogPlace } from '../catalog.contract.ts';
import type { TokenRecord } from '../index.ts';
import { listsByFilters, time, tokenRecord } from './samples.ts';

export function tokensContract(open: () => Promise<CatalogPlace>): void {
  test('a token comes back as it was made, by its id and by its name', async () => {
    await using place = await open();
    const { tokens } = await place.connect();
    const whole = tokenRecord('t1', { groups: ['qa'], expiresAt: time(60) });
    await tokens.create(whole);
    expect(await tokens.get('t1')).toEqual(whole);
    expect(await tokens.byName(whole.name)).toEqual(whole);
    expect(await tokens.get('t2')).toBeUndefined();
    expect(await tokens.byName('t1')).toBeUndefined();
  });

  test('an id is used once, also after it was revoked', async () => {
    await using place = await open();
    const { tokens } = await place.connect();
    await tokens.create(tokenRecord('t1'));
    const again = tokenRecord('t1', { name: 'another' });
    await expect(tokens.create(again)).rejects.toMatchObject({ code: 'CONFLICT' });
    await tokens.revoke('t1', 'test', time(1));
    await expect(tokens.create(again)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await tokens.byName('another')).toBeUndefined();
  });

  test('of many that take a name at once, one gets it; who revokes it frees it', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const take = (id: string, at: number) =>
      (at % 2 ? one : other).tokens.create(tokenRecord(id, { name: 'ci' }));
    const answers = await Promise.allSettled(Array.from({ length: 20 }, (_, at) => take(`t${at}`, at)));
    const taken = answers.flatMap(({ status }, at) => (status === 'fulfilled' ? [`t${at}`] : []));
    expect(taken).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 'rejected')
        expect(answer.reason).toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('ci') });
    }
    const [id = ''] = taken;
    expect((await other.tokens.byName('ci'))?.id).toBe(id);
    expect((await one.tokens.list({ limit: 10 })).items).toHaveLength(1);

    const revoked = await one.tokens.revoke(id, 'admin', time(9));
    expect(revoked).toEqual({
      ...tokenRecord(id, { name: 'ci' }),
      revoked: { by: 'admin', at: time(9) },
    });
    expect(await other.tokens.revoke(id, 'another', time(10))).toEqual(revoked);
    expect(await other.tokens.byName('ci')).toBeUndefined();
    expect(await other.tokens.get(id)).toEqual(revoked);
    await take('next', 0);
    expect((await one.tokens.byName('ci'))?.id).toBe('next');
    expect(await one.tokens.revoke('unknown', 'admin', time(9))).toBeUndefined();
  });

  test('list has all, newest first, in pages of any size, also those that were revoked', async () => {
    await using place = await open();
    const { tokens } = await place.connect();
    const made: TokenRecord[] = [];
    for (let at = 0; at < 8; at++) {
      const one = tokenRecord(`t${at}`, { createdAt: time(Math.floor(at / 4)) });
      await tokens.create(one);
      made.push(at % 3 ? one : ((await tokens.revoke(one.id, 'test', time(9))) ?? one));
    }
    await listsByFilters((query) => tokens.list(query), made.toReversed(), {});
  });
}
