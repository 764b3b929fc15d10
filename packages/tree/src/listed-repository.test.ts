import { type Digest, digestOf, MANIFEST_KINDS } from '@gantry/oci';
import * as fc from 'fast-check';
import type { BlobEntry, ManifestEntry, RepositoryDocument } from './documents.ts';
import { readListedRepository } from './listed-repository.ts';
import { encodeRepository } from './repository.ts';
import { decodeRepositoryFile } from './repository-file.ts';

const digest = fc
  .tuple(fc.nat({ max: 40 }), fc.constantFrom('sha256' as const, 'sha512' as const))
  .map(([number, algorithm]): Digest => digestOf(String(number), algorithm));
const blob: fc.Arbitrary<BlobEntry> = fc.record({
  size: fc.nat({ max: 999_999_999_999_999 }),
  since: fc.integer({ min: 1, max: 999_999_999_999 }),
});
const manifest: fc.Arbitrary<ManifestEntry> = fc
  .tuple(blob, fc.constantFrom(...MANIFEST_KINDS), fc.option(fc.constant('2026-11-20T00:00:00Z')))
  .map(([entry, kind, untagged]) => ({ ...entry, kind, ...(untagged !== null && { untagged }) }));
const tag = fc.oneof(
  fc.constantFrom('10', '9', '__proto__', 'V1', 'v1'),
  fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/),
);
const mapOf = <K, V>(key: fc.Arbitrary<K>, value: fc.Arbitrary<V>) =>
  fc.array(fc.tuple(key, value), { maxLength: 10 }).map((pairs): ReadonlyMap<K, V> => new Map(pairs));
const repository: fc.Arbitrary<RepositoryDocument> = fc.record({
  name: fc.constant('team/app'),
  channel: fc.constant('stable'),
  tags: mapOf(tag, digest),
  manifests: mapOf(digest, manifest),
  blobs: mapOf(digest, blob),
  referrers: mapOf(digest, digest),
});

function listed(map: { readonly entries?: ReadonlyMap<string, unknown> | undefined }) {
  return [...(map.entries ?? [])];
}

/** What the decoder of all documents makes of the bytes, as lists; undefined if it refuses them. */
function decoded(bytes: Uint8Array) {
  try {
    const { name, tags, manifests, blobs, referrers } = decodeRepositoryFile(bytes);
    return {
      name,
      tags: listed(tags),
      manifests: listed(manifests),
      blobs: listed(blobs),
      referrers: listed(referrers),
    };
  } catch {
    return undefined;
  }
}

test('what a publisher writes is read as lists, and says the same as when it is decoded', () => {
  fc.assert(
    fc.property(repository, (whole) => {
      const { bytes } = encodeRepository(whole).document;
      expect(readListedRepository(bytes)).toEqual(decoded(bytes));
    }),
    { seed: 20_261_122 },
  );
});

test('of bytes that were changed it reads nothing, or what the decoder reads', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 3 }),
    fc.constantFrom('{', '}', ',', '"', '0', '-', '\\u0061', 'é'),
  );
  fc.assert(
    fc.property(
      repository,
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.nat({ max: 3 }),
      piece,
      (whole, where, gone, put) => {
        const text = Buffer.from(encodeRepository(whole).document.bytes).toString();
        const at = Math.floor(where * text.length);
        const bytes = Buffer.from(text.slice(0, at) + put + text.slice(at + gone));
        const right = decoded(bytes);
        expect([undefined, right]).toContainEqual(readListedRepository(bytes));
      },
    ),
    { seed: 20_261_122, numRuns: 2000 },
  );
});

test.each([
  ['with white space', (text: string) => text.replace('{', '{ ')],
  ['with a member that is not known', (text: string) => text.replace(/\}$/, ',"then":1}')],
  [
    'with its members in another order',
    (text: string) =>
      text.replace('"tags":{"a":', '"tags":{"b":').replace(/"b":("[^"]+"),"b":("[^"]+")/, '"b":$1,"a":$2'),
  ],
  ['with a number of another form', (text: string) => text.replace('"size":7', '"size":7.0')],
])('one that is written %s is left to the decoder', (_what, change) => {
  const [first, second] = [digestOf('1'), digestOf('2')];
  const { bytes } = encodeRepository({
    name: 'app',
    channel: 'stable',
    tags: new Map([
      ['a', first],
      ['b', second],
    ]),
    manifests: new Map(),
    blobs: new Map([[first, { size: 7, since: 1 }]]),
    referrers: new Map(),
  }).document;
  const text = Buffer.from(bytes).toString();
  expect(readListedRepository(bytes)).toBeDefined();
  const changed = Buffer.from(change(text));
  expect([changed.equals(bytes), readListedRepository(changed), decoded(changed)?.name]).toEqual([
    false,
    undefined,
    'app',
  ]);
});
