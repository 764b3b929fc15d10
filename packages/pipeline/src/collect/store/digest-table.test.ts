import { digestOf } from '@gantry/oci';
import { DigestTable } from './digest-table.ts';

test('holds tens of thousands of digests of both kinds with their numbers, and no others', () => {
  const table = new DigestTable();
  const expected = new Map(
    Array.from({ length: 30_000 }, (_, n) => [digestOf(`${n}`, n % 3 === 0 ? 'sha512' : 'sha256'), n + 1]),
  );
  for (const [digest, value] of expected) table.set(digest, 1 + value);
  for (const [digest, value] of expected) table.set(digest, value);
  expect(table.size).toBe(expected.size);
  expect(new Map(table.entries())).toEqual(expected);
  for (const [digest, value] of expected) expect(table.get(digest)).toBe(value);
  for (let n = 0; n < 1000; n++) expect(table.get(digestOf(`absent ${n}`))).toBe(0);
});

test('a number of 32 bits stays what it is', () => {
  const table = new DigestTable();
  table.set(digestOf('one'), 2 ** 32 - 1);
  expect(table.get(digestOf('one'))).toBe(2 ** 32 - 1);
});
