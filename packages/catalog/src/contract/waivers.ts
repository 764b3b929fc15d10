import type { CatalogPlace } from '../catalog.contract.ts';
import type { Waiver, WaiverQuery } from '../index.ts';
import { digest, listsByFilters, time, waiver } from './samples.ts';

export function waiversContract(open: () => Promise<CatalogPlace>): void {
  test('a waiver comes back as it was made; an id that is taken is refused', async () => {
    await using place = await open();
    const { waivers } = await place.connect();
    const whole = waiver('w1', { repository: 'app', requirement: 'boot' });
    await waivers.create(whole);
    expect(await waivers.get('w1')).toEqual(whole);
    expect(await waivers.get('w2')).toBeUndefined();
    await expect(waivers.create(waiver('w1'))).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('a waiver is revoked once, whoever asks for it again', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const made = waiver('w1');
    await one.waivers.create(made);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => (at % 2 ? one : other).waivers.revoke('w1', `${at}`, time(at))),
    );
    const [revoked] = answers;
    expect(revoked).toEqual({ ...made, revoked: { by: expect.any(String), at: expect.any(String) } });
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await other.waivers.get('w1')).toEqual(revoked);
    expect(await one.waivers.revoke('w2', 'a', time(1))).toBeUndefined();
  });

  test('in force are those of a digest in a channel that have not expired and were not revoked, the oldest first', async () => {
    await using place = await open();
    const { waivers } = await place.connect();
    await waivers.create(waiver('later', { createdAt: time(2) }));
    await waivers.create(waiver('first', { createdAt: time(1), expiresAt: time(9) }));
    await waivers.create(waiver('of that moment', { createdAt: time(2) }));
    await waivers.create(waiver('revoked'));
    await waivers.create(waiver('elsewhere', { channel: 'testing' }));
    await waivers.create(waiver('of another', { digest: digest('two') }));
    await waivers.revoke('revoked', 'test', time(3));
    const ids = async (at: number) =>
      (await waivers.inForce('stable', digest('one'), time(at))).map(({ id }) => id);
    expect(await ids(8)).toEqual(['first', 'later', 'of that moment']);
    expect(await ids(9)).toEqual(['later', 'of that moment']); // from `expiresAt` on it holds no more
    expect(await ids(60)).toEqual([]);
  });

  test('list filters by channel and digest, newest first, in pages of any size, also what was revoked', async () => {
    await using place = await open();
    const { waivers } = await place.connect();
    const made: Waiver[] = [];
    for (let at = 0; at < 12; at++) {
      const one = waiver(`w${at}`, {
        channel: at % 2 ? 'stable' : 'testing',
        digest: digest(at % 3 ? 'one' : 'two'),
        createdAt: time(Math.floor(at / 4)),
      });
      await waivers.create(one);
      made.push(at % 5 ? one : ((await waivers.revoke(one.id, 'test', time(9))) ?? one));
    }
    await listsByFilters((query: WaiverQuery) => waivers.list(query), made.toReversed(), {
      channel: ['stable', ({ channel }) => channel === 'stable'],
      digest: [digest('two'), (one) => one.digest === digest('two')],
    });
  });
}
