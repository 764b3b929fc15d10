import type { CatalogPlace } from '../catalog.contract.ts';
import { AUDIT_ORIGIN, type AuditEntry, type AuditQuery, auditBreak } from '../index.ts';
import { auditFact, listsByFilters, time } from './samples.ts';

export function auditContract(open: () => Promise<CatalogPlace>): void {
  test('facts stand in the log in their order, each bound to the one before it', async () => {
    await using place = await open();
    const { audit } = await place.connect();
    expect(await audit.head()).toBeUndefined();
    expect(await audit.append([])).toEqual([]);
    const [whole, ...more] = [
      auditFact('a', {
        status: 409,
        outcome: 'refused',
        problem: 'conflict',
        reason: 'ключ',
        requestId: 'x',
      }),
      auditFact('b'),
      auditFact('c', { via: 'message' }),
    ] as const;
    const entries = [...(await audit.append([whole])), ...(await audit.append(more))];
    expect(entries[0]).toEqual({ ...whole, sequence: 1, previous: '0'.repeat(64), hash: entries[0]?.hash });
    expect(entries.map(({ target }) => target)).toEqual(['a', 'b', 'c']);
    expect(await audit.after(0, 10)).toEqual(entries);
    expect(breaksIn(entries)).toEqual([]);
    expect(await audit.head()).toEqual(entries[2]);
  });

  test('what many append at once from two connections is one unbroken chain, and what came together stands together', async () => {
    await using place = await open();
    const [one, other] = [await place.connect(), await place.connect()];
    const appended = await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        (at % 2 ? one : other).audit.append([1, 2, 3].map((part) => auditFact(`${at} ${part}`))),
      ),
    );
    const all = await other.audit.after(0, 1000);
    expect(all).toHaveLength(150);
    expect(breaksIn(all)).toEqual([]);
    expect(appended.flat().toSorted((a, b) => a.sequence - b.sequence)).toEqual(all);
    for (const [at, entries] of appended.entries()) {
      const first = entries[0]?.sequence ?? 0;
      expect(entries.map(({ sequence, target }) => [sequence, target])).toEqual(
        [0, 1, 2].map((part) => [first + part, `${at} ${part + 1}`]),
      );
    }
  });

  test('after gives the entries behind a sequence, some at a time', async () => {
    await using place = await open();
    const { audit } = await place.connect();
    for (const facts of [['a'], ['b', 'c', 'd'], ['e', 'f']])
      await audit.append(facts.map((target) => auditFact(target)));
    const targets = async (sequence: number, limit: number) =>
      (await audit.after(sequence, limit)).map(({ target }) => target).join('');
    expect(await targets(0, 100)).toBe('abcdef');
    expect(await targets(0, 3)).toBe('abc');
    expect(await targets(2, 3)).toBe('cde');
    expect(await targets(4, 1)).toBe('e');
    expect(await targets(6, 10)).toBe('');
  });

  test('list filters by actor, action and time, newest first, in pages of any size', async () => {
    await using place = await open();
    const { audit } = await place.connect();
    const made: AuditEntry[] = [];
    for (let at = 0; at < 12; at++) {
      const also = {
        actor: at % 2 ? 'one' : 'two',
        action: at % 3 ? 'createPromotion' : 'createToken',
        // clocks that are not the same, and one that is far behind
        at: time(at === 9 ? 0 : Math.floor(at / 4) + (at % 2)),
      };
      made.push(
        ...(await audit.append([auditFact(`a${at}`, also), auditFact(`b${at}`, { ...also, actor: 'two' })])),
      );
    }
    await listsByFilters((query: AuditQuery) => audit.list(query), made.toReversed(), {
      actor: ['one', ({ actor }) => actor === 'one'],
      action: ['createToken', ({ action }) => action === 'createToken'],
      since: [time(2), ({ at }) => at >= time(2)],
    });
    expect(await audit.list({ since: time(100), limit: 10 })).toEqual({ items: [], next: null });
  });
}

function breaksIn(entries: readonly AuditEntry[]): unknown[] {
  return entries.flatMap((entry, at) => auditBreak(entries[at - 1] ?? AUDIT_ORIGIN, entry) ?? []);
}
