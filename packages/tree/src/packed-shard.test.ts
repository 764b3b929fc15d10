import { type Digest, digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import type { ShardDocument } from './documents.ts';
import { decodeShard, encodeShard, packShard } from './shard.ts';

const digest = fc
  .tuple(fc.nat({ max: 40 }), fc.constantFrom('sha256' as const, 'sha512' as const))
  .map(([number, algorithm]): Digest => digestOf(String(number), algorithm));
const name = fc.oneof(
  fc.constantFrom('10', '9', 'constructor', '0/1', 'a/b', 'a', 'a-b', 'x'.repeat(255)),
  fc.stringMatching(/^[a-z0-9]{1,4}(\/[a-z0-9]{1,4}){0,2}$/),
);
const shard: fc.Arbitrary<ShardDocument> = fc
  .array(fc.tuple(name, digest), { maxLength: 40 })
  .map((pairs) => ({ repositories: new Map(pairs) }));

test('a packed shard has what was published, in its order, and no other name', () => {
  fc.assert(
    fc.property(shard, fc.array(name), (published, others) => {
      const { bytes } = encodeShard(published);
      const packed = packShard(bytes, 'the shard');
      expect([...packed]).toEqual([...decodeShard(bytes).repositories]);
      for (const one of [...published.repositories.keys(), ...others])
        expect(packed.digestOf(one)).toBe(published.repositories.get(one));
    }),
  );
});

test.each([
  ['with white space', (text: string) => text.replace('{', '{ ')],
  ['with a member that is not known', (text: string) => text.replace(/\}$/, ',"then":1}')],
  ['out of order', (text: string) => text.replace(/("a":"[^"]+"),("b":"[^"]+")/, '$2,$1')],
])('one that is written %s is read all the same', (_what, change) => {
  const [first, second] = [digestOf('1'), digestOf('2')];
  const { bytes } = encodeShard({
    repositories: new Map([
      ['a', first],
      ['b', second],
    ]),
  });
  const changed = Buffer.from(change(Buffer.from(bytes).toString()));
  expect(changed.equals(bytes)).toBe(false);
  expect([...packShard(changed, 'the shard')]).toEqual([
    ['a', first],
    ['b', second],
  ]);
});

test.each([
  ['another format', (text: string) => text.replace('"format":1', '"format":2'), /format 2/],
  ['a name that is none', (text: string) => text.replace('"app"', '"App"'), /"App"/],
  ['what is no digest', (text: string) => text.replace('sha256:', 'sha257:'), /"app"/],
  ['more than one document', (text: string) => `${text}{}`, /not JSON/],
])('one with %s is refused', (_what, change, message) => {
  const { bytes } = encodeShard({ repositories: new Map([['app', digestOf('1')]]) });
  const changed = Buffer.from(change(Buffer.from(bytes).toString()));
  expect(() => packShard(changed, 'the shard')).toThrow(message);
});

test('it takes some 60 bytes for a repository', () => {
  const names = Array.from({ length: 400 }, (_, at) => `team${at % 97}/project-${at}/image`);
  const { bytes } = encodeShard({ repositories: new Map(names.map((one) => [one, digestOf(one)])) });
  const { sizeBytes } = packShard(bytes, 'the shard');
  expect([sizeBytes < 62 * names.length, sizeBytes < (2 / 3) * bytes.length]).toEqual([true, true]);
});
