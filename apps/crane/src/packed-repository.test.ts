import { type Digest, digestOf } from '@gantry/oci';
import type { ManifestEntry } from '@gantry/tree';
import { PackedRepository } from './packed-repository.ts';

const NAMES = ['latest', '10', '9', '1.0', '__proto__', 'constructor', 'V1', 'v1', '_'];

test('a packed repository says what its document says', () => {
  const tags = new Map(NAMES.map((name) => [name, digestOf(name)]));
  const manifests = new Map<Digest, ManifestEntry>(
    NAMES.map((name, index) => [
      digestOf(name),
      {
        kind: index % 2 === 0 ? 'docker-list' : 'oci-manifest',
        size: index * 1e12,
        since: 999_999_999_990 + index,
      },
    ]),
  );
  const blobs = new Map([[digestOf('blob', 'sha512'), { size: Number.MAX_SAFE_INTEGER, since: 3 }]]);
  const referrers = new Map([[digestOf('latest'), digestOf('document')]]);
  const packed = new PackedRepository({ name: 'app', channel: 'stable', tags, manifests, blobs, referrers });

  expect(packed.name).toBe('app');
  expect(packed.tagNames()).toEqual(NAMES.toSorted());
  for (const [tag, digest] of tags)
    expect(packed.manifest({ tag })).toEqual({ digest, ...manifests.get(digest) });
  for (const [digest, entry] of manifests) expect(packed.manifest({ digest })).toEqual({ digest, ...entry });
  for (const [digest, entry] of blobs) expect(packed.blob(digest)).toEqual(entry);
  for (const [subject, document] of referrers) expect(packed.referrers(subject)).toBe(document);
  for (const tag of ['', 'absent', 'zzz', '0', 'toString']) expect(packed.manifest({ tag })).toBeUndefined();
  expect(packed.manifest({ digest: digestOf('blob', 'sha512') })).toBeUndefined();
  expect(packed.blob(digestOf('latest'))).toBeUndefined();
  expect(packed.referrers(digestOf('blob'))).toBeUndefined();
  expect(packed.sizeBytes).toBeGreaterThan(NAMES.length * 49);
});

test('a tag whose manifest the document does not name has none', () => {
  const packed = new PackedRepository({
    name: 'app',
    channel: 'stable',
    tags: new Map([['latest', digestOf('absent')]]),
    manifests: new Map(),
    blobs: new Map(),
    referrers: new Map(),
  });
  expect(packed.manifest({ tag: 'latest' })).toBeUndefined();
  expect(packed.tagNames()).toEqual(['latest']);
});
