import { readFile } from 'node:fs/promises';
import { type Digest, digestOf, Fault, parseManifest } from '@gantry/oci';
import { canonicalBytes, type CanonicalValue } from './canonical-json.ts';
import type { BlobEntry, RepositoryDocument } from './documents.ts';
import { indexPath, shardOf } from './paths.ts';
import { decodeReferrers, encodeReferrers } from './referrers.ts';
import { encodeRepository } from './repository.ts';
import { assembleRepository, decodeRepositoryFile, partsOf } from './repository-file.ts';
import { decodeRoot, encodeRoot } from './root.ts';
import { sampleImage } from './sample-content.fixture.ts';
import { decodeShard, encodeShard } from './shard.ts';

const A: Digest = `sha256:${'a'.repeat(64)}`;
const B: Digest = `sha256:${'b'.repeat(64)}`;

/** Repositories and tags that are legal, and that a careless program mixes up with its own names. */
const AWKWARD_TAGS = ['10', '1.0', '9', 'parts', 'tags', '__proto__', 'constructor', '_', '0', 'toString'];
const AWKWARD_NAMES = ['10', '9', 'constructor', 'parts', '0/1', 'a/b'];

const AWKWARD: RepositoryDocument = {
  name: 'constructor',
  channel: 'stable',
  tags: new Map(AWKWARD_TAGS.map((tag) => [tag, A])),
  manifests: new Map([
    [A, { kind: 'oci-index', size: 1234, since: 40 }],
    [B, { kind: 'docker-manifest', size: 900, since: 12, untagged: '2026-11-01T00:00:00Z' }],
  ]),
  blobs: new Map<Digest, BlobEntry>([[`sha512:${'c'.repeat(128)}`, { size: 52428800, since: 17 }]]),
  referrers: new Map([[A, B]]),
};

async function vector(name: string): Promise<Uint8Array> {
  return readFile(new URL(`../../../test/vectors/tree/${name}`, import.meta.url));
}

async function noParts(): Promise<Uint8Array> {
  return Promise.reject(new Error('nothing is split'));
}

describe('the documents of a tree have the bytes of the vectors', () => {
  test('a repository with awkward tags', async () => {
    const { document, parts } = encodeRepository(AWKWARD);
    const bytes = await vector('repository.json');
    expect(Buffer.from(document.bytes).toString()).toBe(Buffer.from(bytes).toString());
    expect(parts).toEqual([]);
    expect(document.path).toBe(indexPath(document.digest));
    expect(document.digest).toBe(digestOf(bytes));
    const read = await assembleRepository(decodeRepositoryFile(bytes), noParts);
    expect(read).toEqual(AWKWARD);
    expect([...read.tags.keys()]).toEqual(AWKWARD_TAGS.toSorted());
  });

  test('a shard with awkward names', async () => {
    const shard = { repositories: new Map(AWKWARD_NAMES.map((name) => [name, A])) };
    const bytes = await vector('shard.json');
    expect(Buffer.from(encodeShard(shard).bytes).toString()).toBe(Buffer.from(bytes).toString());
    expect(decodeShard(bytes)).toEqual(shard);
    expect([...decodeShard(bytes).repositories.keys()]).toEqual(AWKWARD_NAMES.toSorted());
  });

  test('a root', async () => {
    const root = { shards: new Map([['ff', B] as const, ['00', A] as const, ['10', A] as const]) };
    const bytes = await vector('root.json');
    expect(Buffer.from(encodeRoot(root).bytes).toString()).toBe(Buffer.from(bytes).toString());
    expect(decodeRoot(bytes)).toEqual(root);
    expect([...decodeRoot(bytes).shards.keys()]).toEqual(['00', '10', 'ff']);
  });

  test('referrers, sorted by digest, with the annotations and artifact type of their manifests', async () => {
    const subject = sampleImage('subject');
    const reference = { digest: subject.digest, size: subject.manifest.length };
    const manifests = ['one', 'two', 'three'].map((text) => {
      const plain: unknown = JSON.parse(Buffer.from(sampleImage(text, reference).manifest).toString());
      const extra =
        text === 'two'
          ? { artifactType: 'application/spdx+json', annotations: { __proto__x: '\ud800' } }
          : {};
      return parseManifest(Buffer.from(JSON.stringify({ ...(plain as object), ...extra })));
    });
    const bytes = await vector('referrers.json');
    expect(Buffer.from(encodeReferrers(manifests).bytes).toString()).toBe(Buffer.from(bytes).toString());
    expect(encodeReferrers(manifests.toReversed())).toEqual(encodeReferrers(manifests));
    const read = decodeReferrers(bytes);
    expect(read.map(({ digest }) => digest)).toEqual(manifests.map(({ digest }) => digest).toSorted());
    expect(read.map(({ artifactType }) => artifactType ?? '').toSorted()).toEqual([
      'application/spdx+json',
      'application/vnd.oci.image.config.v1+json',
      'application/vnd.oci.image.config.v1+json',
    ]);
  });
});

describe('a repository of many entries', () => {
  const digests = Array.from({ length: 5000 }, (_, at) => digestOf(String(at)));
  const large: RepositoryDocument = {
    name: 'large',
    channel: 'stable',
    tags: new Map(digests.map((digest, at) => [`v${at}`, digest])),
    manifests: new Map(digests.map((digest) => [digest, { kind: 'oci-manifest', size: 1, since: 1 }])),
    blobs: new Map(digests.map((digest) => [digest, { size: 2, since: 1 }])),
    referrers: new Map(digests.map((digest) => [digest, A])),
  };
  const encoded = encodeRepository(large);
  const stored = new Map(encoded.parts.map(({ digest, bytes }) => [digest, bytes]));
  const load = async (digest: Digest): Promise<Uint8Array> => {
    const bytes = stored.get(digest);
    return bytes ?? Promise.reject(new Error(`no ${digest}`));
  };

  test('stands in parts, and is put together again, its tags in order', async () => {
    const file = decodeRepositoryFile(encoded.document.bytes);
    expect(new Set(partsOf(file))).toEqual(new Set(stored.keys()));
    const read = await assembleRepository(file, load);
    expect(read).toEqual(large);
    expect([...read.tags.keys()]).toEqual([...large.tags.keys()].toSorted());
    expect(encoded.document.bytes.length).toBeLessThan(100_000);
  });

  test('has each entry in the part of its key, and the names of its tags beside', () => {
    const file = decodeRepositoryFile(encoded.document.bytes);
    const part = file.tags.parts?.get(shardOf('v17'));
    expect(part && Buffer.from(stored.get(part) ?? '').toString()).toContain(`"v17":"${digests[17]}"`);
    const names: unknown = JSON.parse(Buffer.from(stored.get(file.tagNames ?? A) ?? '').toString());
    expect(names).toEqual([...large.tags.keys()].toSorted());
  });

  test('costs one part, the names and the document when one tag moves', () => {
    const moved = encodeRepository({ ...large, tags: new Map(large.tags).set('v17', A) });
    expect(moved.parts.filter(({ digest }) => !stored.has(digest))).toHaveLength(1);
    const more = encodeRepository({ ...large, tags: new Map(large.tags).set('new', A) });
    expect(more.parts.filter(({ digest }) => !stored.has(digest))).toHaveLength(2);
  });

  test('is split past 4,096 entries only, each map on its own', () => {
    const first = new Map([...large.tags].slice(0, 4096));
    const file = decodeRepositoryFile(encodeRepository({ ...large, tags: first }).document.bytes);
    expect(file.tags.entries?.size).toBe(4096);
    expect(file.tagNames).toBeUndefined();
    expect(file.blobs.parts).toBeDefined();
  });

  test('is refused when a part holds a key of another one', async () => {
    const file = decodeRepositoryFile(encoded.document.bytes);
    const [one, two] = [...(file.blobs.parts ?? [])];
    if (one === undefined || two === undefined) throw new Error('there are parts');
    const swapped = { ...file, blobs: { parts: new Map([[one[0], two[1]]]) } };
    await expect(assembleRepository(swapped, load)).rejects.toThrow(/does not belong into part/);
  });

  test('is refused when the names of its tags are not those of its parts', async () => {
    const file = decodeRepositoryFile(encoded.document.bytes);
    const other = async (digest: Digest) =>
      digest === file.tagNames ? Buffer.from('["v1","v2","none"]') : load(digest);
    await expect(assembleRepository(file, other)).rejects.toThrow(/do not agree/);
  });
});

describe('a document that is not as the format says is refused', () => {
  const plain = {
    format: 1,
    name: 'a',
    channel: 'stable',
    tags: {},
    manifests: {},
    blobs: {},
    referrers: {},
  };
  const cases: [string, CanonicalValue, RegExp][] = [
    ['of a newer format', { ...plain, format: 2 }, /newer one is needed/],
    ['without a name', { ...plain, name: 5 }, /"name"/],
    ['without tags', { format: 1, name: 'a', channel: 'b' }, /"tags"/],
    ['with tags twice', { ...plain, tagParts: {} }, /"tags" and "tagParts"/],
    ['with tags that are null, and split', { ...plain, tags: null, tagParts: {} }, /"tags"/],
    ['with a tag that is none', { ...plain, tags: { '-x': A } }, /"-x" in "tags"/],
    ['with a tag of no digest', { ...plain, tags: { x: 'latest' } }, /"x" in "tags"/],
    [
      'with a manifest of no kind',
      { ...plain, manifests: { [A]: { kind: 'v1', size: 1, since: 1 } } },
      /"manifests"/,
    ],
    ['with a negative size', { ...plain, blobs: { [A]: { size: -1, since: 1 } } }, /"blobs"/],
    ['with a blob since serial 0', { ...plain, blobs: { [A]: { size: 1, since: 0 } } }, /"blobs"/],
    ['with blobs as a list', { ...plain, blobs: [] }, /"blobs" is not an object/],
    ['with referrers of nothing', { ...plain, referrers: { x: A } }, /"x" in "referrers"/],
  ];
  test.each(cases)('%s', (_, value, message) => {
    const decode = () => decodeRepositoryFile(canonicalBytes(value), 'the document');
    expect(decode).toThrow(Fault);
    expect(decode).toThrow(message);
  });

  test('split tags without their names', () => {
    const { tags: _, ...rest } = plain;
    const decode = () => decodeRepositoryFile(canonicalBytes({ ...rest, tagParts: { '00': A } }));
    expect(decode).toThrow(/"tagNames" is no digest/);
  });

  test('a root with a shard that is none, a shard with a name that is none', () => {
    expect(() => decodeRoot(canonicalBytes({ format: 1, shards: { '0G': A } }))).toThrow(/"0G" in "shards"/);
    expect(() => decodeRoot(canonicalBytes({ format: 1 }))).toThrow(/"shards" is not an object/);
    expect(() => decodeShard(canonicalBytes({ format: 1, repositories: { 'A/b': A } }))).toThrow(/"A\/b"/);
  });

  test('but members that are not known are left alone', async () => {
    const bytes = canonicalBytes({
      ...plain,
      mood: 'good',
      blobs: { [A]: { size: 1, since: 1, colour: 'red' } },
    });
    const read = await assembleRepository(decodeRepositoryFile(bytes), noParts);
    expect(read.blobs.get(A)).toEqual({ size: 1, since: 1 });
  });

  test('referrers that are no index', () => {
    expect(() => decodeReferrers(Buffer.from('{"schemaVersion":2,"manifests":[]}'))).toThrow(/"mediaType"/);
  });
});
