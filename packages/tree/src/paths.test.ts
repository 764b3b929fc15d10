import { MANIFEST_KINDS, type Digest } from '@gantry/oci';
import * as fc from 'fast-check';
import {
  blobPath,
  cacheControlOf,
  contentTypeOf,
  fullListPath,
  indexPath,
  listPath,
  manifestPath,
  MAX_SERIAL,
  parsePath,
  POINTER_PATH,
  serialPath,
  shardOf,
  type TreePath,
} from './paths.ts';

const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const sha256 = hex(64).map((text): Digest => `sha256:${text}`);
const anyDigest = fc.oneof(
  sha256,
  hex(128).map((text): Digest => `sha512:${text}`),
);
const serial = fc.integer({ min: 1, max: MAX_SERIAL });
const treePath: fc.Arbitrary<TreePath> = fc.oneof(
  fc.record({ type: fc.constant('blob' as const), digest: anyDigest }),
  fc.record({
    type: fc.constant('manifest' as const),
    kind: fc.constantFrom(...MANIFEST_KINDS),
    digest: anyDigest,
  }),
  fc.record({ type: fc.constant('index' as const), digest: sha256 }),
  fc.record({ type: fc.constantFrom('list' as const, 'full-list' as const, 'serial' as const), serial }),
  fc.constant({ type: 'pointer' as const }),
);

function pathOf(parsed: TreePath): string {
  switch (parsed.type) {
    case 'blob':
      return blobPath(parsed.digest);
    case 'manifest':
      return manifestPath(parsed.kind, parsed.digest);
    case 'index':
      return indexPath(parsed.digest);
    case 'list':
      return listPath(parsed.serial);
    case 'full-list':
      return fullListPath(parsed.serial);
    case 'serial':
      return serialPath(parsed.serial);
    case 'pointer':
      return POINTER_PATH;
  }
  return parsed satisfies never;
}

const HEX = 'ab'.repeat(32);
const DIGEST: Digest = `sha256:${HEX}`;

describe('the paths of a tree', () => {
  test('are those of the layout', () => {
    expect(blobPath(DIGEST)).toBe(`pool/blobs/sha256/ab/${HEX}`);
    expect(blobPath(`sha512:${HEX}${HEX}`)).toBe(`pool/blobs/sha512/ab/${HEX}${HEX}`);
    expect(manifestPath('docker-list', DIGEST)).toBe(`pool/manifests/docker-list/sha256/ab/${HEX}`);
    expect(indexPath(DIGEST)).toBe(`pool/index/sha256/ab/${HEX}.json`);
    expect(listPath(42)).toBe('lists/000000000042.txt');
    expect(fullListPath(42)).toBe('lists/full-000000000042.txt');
    expect(serialPath(42)).toBe('serial/000000000042.json');
    expect(POINTER_PATH).toBe('serial/current.json');
  });

  test('can be read back, whatever they name', () => {
    fc.assert(fc.property(treePath, (parsed) => expect(parsePath(pathOf(parsed))).toEqual(parsed)));
  });

  test('are the only ones that are read: what is parsed gives the very same text', () => {
    const nearPath = fc
      .tuple(treePath, fc.nat(), fc.constantFrom('', '/', '.', '..', '0', 'A', '\n', '%2e', '.json', 'f'))
      .map(([parsed, at, text]) => {
        const path = pathOf(parsed);
        const cut = at % (path.length + 1);
        return path.slice(0, cut) + text + path.slice(cut + (at % 2));
      });
    fc.assert(
      fc.property(fc.oneof(nearPath, fc.string()), (text) => {
        const parsed = parsePath(text);
        expect(parsed === undefined ? text : pathOf(parsed)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    '',
    'pool',
    `pool/blobs/sha256/ac/${HEX}`,
    `pool/blobs/sha256/ab/${HEX}.json`,
    `pool/blobs/sha256/ab/${HEX.toUpperCase()}`,
    `pool/blobs/sha256/ab/${HEX}00`,
    `pool/blobs/sha512/ab/${HEX}`,
    `pool/blobs/md5/ab/${HEX}`,
    `pool/index/sha256/ab/${HEX}`,
    `pool/index/sha512/ab/${HEX}${HEX}.json`,
    `pool/manifests/sha256/ab/${HEX}`,
    `pool/manifests/schema1/sha256/ab/${HEX}`,
    `/pool/blobs/sha256/ab/${HEX}`,
    `pool/blobs/sha256/ab/../ab/${HEX}`,
    `pool/blobs/sha256/ab/${HEX}\n`,
    'lists/42.txt',
    'lists/000000000000.txt',
    'lists/full-000000000042.json',
    'serial/000000000042.txt',
    'serial/full-000000000042.json',
    'serial/current.json.new',
    'serial/.current.json',
  ])('%j is not one of them', (path) => {
    expect(parsePath(path)).toBeUndefined();
    expect(contentTypeOf(path)).toBeUndefined();
  });
});

test('each kind of manifest has its own Content-Type, and everything else one by its folder', () => {
  expect(MANIFEST_KINDS.map((kind) => contentTypeOf(manifestPath(kind, DIGEST)))).toEqual([
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
  ]);
  expect(contentTypeOf(blobPath(DIGEST))).toBe('application/octet-stream');
  expect(contentTypeOf(listPath(1))).toBe('text/plain; charset=utf-8');
  expect(contentTypeOf(fullListPath(1))).toBe('text/plain; charset=utf-8');
  expect([indexPath(DIGEST), serialPath(1), POINTER_PATH].map(contentTypeOf)).toEqual(
    Array.from({ length: 3 }, () => 'application/json'),
  );
});

test('everything may be kept forever but the pointer', () => {
  expect(cacheControlOf(POINTER_PATH)).toBe('no-cache');
  expect(cacheControlOf(serialPath(1))).toBe('public, max-age=31536000, immutable');
  expect(cacheControlOf(blobPath(DIGEST))).toBe('public, max-age=31536000, immutable');
});

test('a name lives in the shard of the first two hex digits of its SHA-256', () => {
  // printf fedora/httpd | sha256sum
  expect(shardOf('fedora/httpd')).toBe('17');
  expect(shardOf('')).toBe('e3');
});
