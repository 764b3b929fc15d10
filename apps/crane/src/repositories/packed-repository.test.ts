import { type Digest, digestOf, MANIFEST_KINDS } from '@gantry/oci';
import type { BlobEntry, ManifestEntry } from '@gantry/tree';
import * as fc from 'fast-check';
import { PackedRepository, packRepository } from './packed-repository.ts';

const AWKWARD = ['latest', '10', '9', '1.0', '__proto__', 'constructor', 'V1', 'v1', '_', 'v1.0', 'v10'];

const tag = fc.oneof(fc.constantFrom(...AWKWARD), fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/));
const digest = fc
  .tuple(fc.nat({ max: 40 }), fc.constantFrom('sha256' as const, 'sha256' as const, 'sha512' as const))
  .map(([number, algorithm]): Digest => digestOf(String(number), algorithm));
const blobEntry: fc.Arbitrary<BlobEntry> = fc.record({
  size: fc.maxSafeNat(),
  since: fc.integer({ min: 1, max: 999_999_999_999 }),
});
const manifestEntry: fc.Arbitrary<ManifestEntry> = fc
  .tuple(blobEntry, fc.constantFrom(...MANIFEST_KINDS))
  .map(([entry, kind]) => ({ ...entry, kind }));
const mapOf = <K, V>(key: fc.Arbitrary<K>, value: fc.Arbitrary<V>) =>
  fc.array(fc.tuple(key, value), { maxLength: 30 }).map((pairs): ReadonlyMap<K, V> => new Map(pairs));

test('a packed repository says what its document says, wherever it lies', () => {
  const document = fc.record({
    name: fc.constant('app'),
    channel: fc.constant('stable'),
    tags: mapOf(tag, digest),
    manifests: mapOf(digest, manifestEntry),
    blobs: mapOf(digest, blobEntry),
    referrers: mapOf(digest, digest),
  });
  fc.assert(
    fc.property(
      document,
      fc.array(tag),
      fc.array(digest),
      fc.nat({ max: 20 }),
      (whole, tags, digests, offset) => {
        const bytes = Buffer.concat([
          Buffer.alloc(offset, 0xff),
          packRepository(whole),
          Buffer.alloc(20, 0xff),
        ]);
        const packed = new PackedRepository(bytes, offset);
        const kept = packed.kept();
        expect(packed.tagNames()).toEqual([...whole.tags.keys()].toSorted());
        for (const name of [...whole.tags.keys(), ...tags, '', 'zzzz']) {
          const named = whole.tags.get(name);
          const entry = named && whole.manifests.get(named);
          expect(packed.manifest({ tag: name })).toEqual(entry && { digest: named, ...entry });
        }
        for (const any of [
          ...whole.manifests.keys(),
          ...whole.blobs.keys(),
          ...whole.referrers.keys(),
          ...digests,
        ]) {
          const entry = whole.manifests.get(any);
          expect(packed.manifest({ digest: any })).toEqual(entry && { digest: any, ...entry });
          expect(packed.blob(any)).toEqual(whole.blobs.get(any));
          expect(packed.referrers(any)).toBe(whole.referrers.get(any));
        }
        bytes.fill(0xff); // what is kept has memory of its own
        expect(kept.tagNames()).toEqual([...whole.tags.keys()].toSorted());
        for (const [name, named] of whole.tags)
          expect(kept.manifest({ tag: name })?.digest).toBe(whole.manifests.has(named) ? named : undefined);
      },
    ),
  );
});
