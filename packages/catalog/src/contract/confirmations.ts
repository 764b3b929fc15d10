import type { CatalogPlace } from '../catalog.contract.ts';
import { confirmationRecord } from '../record-keys.ts';
import { allPages, confirmation, eventOf, mirrorState, refusesBadPages, time } from './samples.ts';

/** A time that has come when every event stored so far is pending. */
const LATER = '9999-01-01T00:00:00.000Z';

export function confirmationsContract(open: () => Promise<CatalogPlace>): void {
  test('a confirmation is replaced by tree, serial and mirror, until it is confirmed', async () => {
    await using place = await open();
    const { confirmations, outbox } = await place.connect();
    const late = confirmation(7, 'a', { served: 6 });
    const confirmed = confirmation(7, 'a', { state: 'confirmed', served: 8, sampled: 3, at: time(9) });
    const event = (what: string) => [eventOf(confirmationRecord(late), what)];
    expect(await confirmations.put(late, event('late'))).toBe(true);
    expect(await confirmations.of('public', 7)).toEqual([late]);
    expect(await confirmations.put(confirmed, event('confirmed'))).toBe(true);
    expect(await confirmations.put(late, event('late again'))).toBe(false);
    expect(await confirmations.put({ ...confirmed, sampled: 4 }, event('confirmed again'))).toBe(false);
    expect(await confirmations.of('public', 7)).toEqual([confirmed]);
    const told = (await outbox.pending(LATER, 10)).map(({ type }) => type);
    expect(told).toEqual(['late', 'confirmed']);
    await outbox.sent(await outbox.pending(LATER, 10));
    expect(await outbox.pending(LATER, 10)).toEqual([]);
    expect(await confirmations.of('public', 7)).toEqual([confirmed]);
  });

  test('of many who confirm a serial at once one does, and one event is told', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const confirmed = confirmation(7, 'a', { state: 'confirmed' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) =>
        (at % 2 ? one : other).confirmations.put({ ...confirmed, sampled: at }, [
          eventOf(confirmationRecord(confirmed), `by ${at}`),
        ]),
      ),
    );
    expect(answers.filter((isPut) => isPut)).toHaveLength(1);
    expect(await other.confirmations.of('public', 7)).toMatchObject([{ sampled: answers.indexOf(true) }]);
    expect(await one.outbox.pending(LATER, 10)).toMatchObject([{ type: `by ${answers.indexOf(true)}` }]);
  });

  test('of one serial by mirror, and all of a tree: the newest serial first, then by mirror', async () => {
    await using place = await open();
    const { confirmations } = await place.connect();
    const mirrors = ['B', '__proto__', 'a', 'a/b', 'é', '\u{1F600}', '\uFFFD'].toSorted((a, b) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
    const serials = [1, 2, 9, 10, 100, Number.MAX_SAFE_INTEGER];
    const all = serials.flatMap((serial) => mirrors.map((mirror) => confirmation(serial, mirror)));
    for (const one of all.toSorted((a, b) => (a.mirror + a.serial < b.mirror + b.serial ? -1 : 1)))
      await confirmations.put(one);
    await confirmations.put(confirmation(9, 'other', { tree: 'other' }));
    for (const serial of serials)
      expect(await confirmations.of('public', serial)).toEqual(all.filter((one) => one.serial === serial));
    expect(await confirmations.of('public', 3)).toEqual([]);
    const expected = serials.toReversed().flatMap((serial) => all.filter((one) => one.serial === serial));
    for (const limit of [1, 4, 100])
      expect(await allPages((page) => confirmations.list('public', page), limit)).toEqual(expected);
    await refusesBadPages((page) => confirmations.list('public', page));
  });

  test('a mirror is as it was found last', async () => {
    await using place = await open();
    const { confirmations } = await place.connect();
    await Promise.all(
      Array.from({ length: 5 }, () =>
        confirmations.putMirror(
          mirrorState('b', { problem: { type: 'x', title: 'x', status: 502, detail: 'x' } }),
        ),
      ),
    );
    const found = mirrorState('b', { serial: 7, publishedAt: time(7), latencyMs: 3, rightTypes: true });
    await confirmations.putMirror(found);
    await confirmations.putMirror(mirrorState('a'));
    await confirmations.putMirror(mirrorState('b', { tree: 'other' }));
    expect(await confirmations.mirrors('public')).toEqual([mirrorState('a'), found]);
    expect(await confirmations.mirrors('none')).toEqual([]);
  });
}
