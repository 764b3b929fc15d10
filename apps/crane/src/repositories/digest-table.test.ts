import { type Digest, digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import { NUMBER_BYTES, numberAt, putNumber } from './bytes.ts';
import { countDigests, entryAt, findRecord, indexOfDigest, tableBytes, writeTable } from './digest-table.ts';

/** Some bytes in front of a table, and its look-ups. */
const START = 5;
function tableOf(entries: ReadonlyMap<Digest, number>) {
  const sorted = [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const counts = countDigests(sorted);
  const bytes = Buffer.alloc(START + tableBytes(counts, NUMBER_BYTES) + 3, 0xff);
  const end = writeTable(bytes, START, sorted, NUMBER_BYTES, (at, value) => putNumber(bytes, at, value));
  return {
    bytes,
    sorted: sorted.map(([digest]) => digest),
    end,
    find: (digest: Digest) => findRecord(bytes, START, counts, NUMBER_BYTES, digest),
    indexOf: (digest: Digest) => indexOfDigest(bytes, START, counts, NUMBER_BYTES, digest),
    entry: (index: number) => entryAt(bytes, START, counts, NUMBER_BYTES, index),
  };
}

test('a table is a map from digests to records, of both algorithms', () => {
  const digest = fc
    .tuple(fc.string(), fc.constantFrom('sha256' as const, 'sha512' as const))
    .map(([text, algorithm]) => digestOf(text, algorithm));
  fc.assert(
    fc.property(fc.array(fc.tuple(digest, fc.maxSafeNat())), fc.array(digest), (pairs, others) => {
      const entries = new Map(pairs);
      const table = tableOf(entries);
      expect(table.end).toBe(table.bytes.length - 3);
      for (const [index, key] of table.sorted.entries()) {
        const at = table.find(key);
        expect(numberAt(table.bytes, at)).toBe(entries.get(key));
        expect(table.entry(index)).toEqual({ digest: key, at });
        expect(table.indexOf(key)).toBe(index);
      }
      const absent = others.filter((other) => !entries.has(other));
      expect(absent.map((other) => table.find(other))).toEqual(absent.map(() => -1));
      expect(absent.map((other) => table.indexOf(other))).toEqual(absent.map(() => -1));
    }),
  );
});

test('digests that begin alike are told apart', () => {
  const digests = Array.from(
    { length: 16 },
    (_, index): Digest => `sha256:${'0'.repeat(63)}${index.toString(16)}`,
  );
  const table = tableOf(new Map(digests.map((digest, index) => [digest, index])));
  expect(digests.map((digest) => numberAt(table.bytes, table.find(digest)))).toEqual([...digests.keys()]);
  expect(table.find(`sha256:${'0'.repeat(62)}10`)).toBe(-1);
});

test('digests that are not spread evenly are found', () => {
  const digests = Array.from(
    { length: 300 },
    (_, index): Digest => `sha256:ffffff${index.toString(16).padStart(4, '0')}${'0'.repeat(54)}`,
  );
  const table = tableOf(new Map(digests.map((digest, index) => [digest, index])));
  expect(digests.map((digest) => numberAt(table.bytes, table.find(digest)))).toEqual([...digests.keys()]);
  expect(table.find(`sha256:${'0'.repeat(64)}`)).toBe(-1);
  expect(table.find(`sha256:${'f'.repeat(64)}`)).toBe(-1);
});

test('an empty table has nothing', () => {
  expect(tableOf(new Map()).find(digestOf(''))).toBe(-1);
});
