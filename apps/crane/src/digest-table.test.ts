import { type Digest, digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import { DigestTable } from './digest-table.ts';

function tableOf(entries: ReadonlyMap<Digest, number>): DigestTable {
  return new DigestTable(entries.keys(), 8, (bytes, at, digest) =>
    bytes.writeDoubleLE(entries.get(digest) as number, at),
  );
}

test('a table is a map from digests to records, of both algorithms', () => {
  const digest = fc
    .tuple(fc.string(), fc.constantFrom('sha256' as const, 'sha512' as const))
    .map(([text, algorithm]) => digestOf(text, algorithm));
  fc.assert(
    fc.property(fc.array(fc.tuple(digest, fc.double({ noNaN: true }))), fc.array(digest), (pairs, others) => {
      const entries = new Map(pairs);
      const table = tableOf(entries);
      for (const [key, value] of entries) {
        const at = table.find(key);
        expect(table.bytes.readDoubleLE(at)).toBe(value);
        expect(table.digestAt(at)).toBe(key);
      }
      const absent = others.filter((other) => !entries.has(other));
      expect(absent.map((other) => table.find(other))).toEqual(absent.map(() => -1));
    }),
  );
});

test('digests that begin alike are told apart', () => {
  const digests = Array.from(
    { length: 16 },
    (_, index): Digest => `sha256:${'0'.repeat(63)}${index.toString(16)}`,
  );
  const table = tableOf(new Map(digests.map((digest, index) => [digest, index])));
  for (const [index, digest] of digests.entries())
    expect(table.bytes.readDoubleLE(table.find(digest))).toBe(index);
  expect(table.find(`sha256:${'0'.repeat(62)}10`)).toBe(-1);
});

test('an empty table has nothing', () => {
  expect(tableOf(new Map()).find(digestOf(''))).toBe(-1);
});
