import { array, assert, asyncProperty, integer, tuple } from 'fast-check';
import { channelTag, digest } from '../contract/samples.ts';
import type { ChannelTag } from '../records.ts';
import { changePieces, type PieceReference, pieceOf, split } from './channel-pieces.ts';

/** Pieces as a database would hold them. */
function pieces() {
  const held = new Map<string, readonly ChannelTag[]>();
  let named: PieceReference[] = [];
  let reads = 0;
  const read = async ({ id }: PieceReference) => {
    reads += 1;
    return held.get(id);
  };
  return {
    async change(set: readonly ChannelTag[], remove: readonly string[]) {
      const changed = await changePieces(named, set, remove, read);
      if (changed === undefined) throw new Error('a piece is gone');
      for (const { reference, tags } of changed.fresh) held.set(reference.id, tags);
      named = changed.pieces;
      return changed;
    },
    all: () => named.flatMap(({ id }) => held.get(id) ?? []),
    named: () => named,
    held,
    reads: () => reads,
  };
}

const tagNumber = integer({ min: 0, max: 600 });
const nameOf = (number: number) => `t${String(number).padStart(3, '0')}`;

test('whatever is set and removed, the pieces hold it in its order, and each tag lies where it is looked for', async () => {
  await assert(
    asyncProperty(
      array(tuple(array(tagNumber, { maxLength: 300 }), array(tagNumber, { maxLength: 300 })), {
        maxLength: 6,
      }),
      async (changes) => {
        const at = pieces();
        const model = new Map<string, ChannelTag>();
        for (const [round, [set, remove]] of changes.entries()) {
          const entries = set.map((number) =>
            channelTag({ tag: nameOf(number), digest: digest(`${round}`) }),
          );
          await at.change(entries, remove.map(nameOf));
          for (const number of remove) model.delete(nameOf(number));
          for (const entry of entries) model.set(entry.tag, entry);
          const expected = [...model.values()].toSorted((a, b) => (a.tag < b.tag ? -1 : 1));
          expect(at.all()).toEqual(expected);
          for (const { tag } of expected) {
            const piece = pieceOf(at.named(), tag);
            expect(at.held.get(piece?.id ?? '')?.some((entry) => entry.tag === tag)).toBe(true);
          }
          for (const { id } of at.named()) expect(at.held.get(id)?.length).toBeLessThanOrEqual(200);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('one tag among ten thousand is changed by reading and writing one piece', async () => {
  const at = pieces();
  await at.change(
    Array.from({ length: 10_000 }, (_, number) => channelTag({ tag: `t${number}` })),
    [],
  );
  const before = at.reads();
  const { fresh } = await at.change([channelTag({ tag: 't5000', promotion: 'p2' })], []);
  expect(at.reads() - before).toBe(1);
  expect(fresh).toHaveLength(1);
  expect(fresh[0]?.tags.length).toBeLessThanOrEqual(200);
});

test('tags with long lists of companions make smaller pieces', () => {
  const companions = Array.from({ length: 1000 }, (_, at) => ({
    tag: `sha256-${at}.sig`,
    digest: digest(`${at}`),
  }));
  const large = Array.from({ length: 20 }, (_, at) => channelTag({ tag: `t${at}`, companions }));
  const lists = split(large);
  expect(lists.length).toBeGreaterThan(2);
  expect(lists.flat()).toEqual(large);
  expect(split([])).toEqual([]);
});

test('a piece that is gone is told, so that the change begins anew', async () => {
  const gone = { id: 'gone', first: 'a' };
  const changed = await changePieces([gone], [channelTag()], [], async () => undefined);
  expect(changed).toBeUndefined();
});
