import { hash } from 'node:crypto';
import { type Digest, MANIFEST_KINDS } from '@gantry/oci';
import { blobPath, indexPath, manifestPath } from '@gantry/tree';
import { PathSet } from './path-set.ts';

const digestAt = (at: number): Digest => `sha256:${hash('sha256', String(at))}`;

test('a path is there once it was added, and no other', () => {
  const set = new PathSet();
  const all = Array.from({ length: 5000 }, (_, at) => blobPath(digestAt(at)));
  for (const [at, path] of all.entries()) {
    expect(set.has(path)).toBe(false);
    expect(set.add(path)).toBe(true);
    expect(set.add(path)).toBe(false);
    expect(set.size).toBe(at + 1);
  }
  expect(all.every((path) => set.has(path))).toBe(true);
});

test('one digest is many paths: a blob, a document, a manifest of each kind', () => {
  const digest = digestAt(1);
  const paths = [
    blobPath(digest),
    indexPath(digest),
    ...MANIFEST_KINDS.map((kind) => manifestPath(kind, digest)),
  ];
  for (const path of paths) {
    const set = new PathSet();
    set.add(path);
    expect(paths.filter((one) => set.has(one))).toEqual([path]);
  }
});

test('digests that begin alike, or with nothing but zeros, are told apart', () => {
  const set = new PathSet();
  const digests = ['0', '1', 'f'].flatMap((end): Digest[] => [
    `sha256:${'0'.repeat(15)}${end}${'0'.repeat(48)}`,
    `sha512:${'0'.repeat(15)}${end}${'0'.repeat(112)}`,
  ]);
  const paths = digests.map(blobPath);
  set.add(paths[0]!);
  // The name of the algorithm is no part of it, as no two algorithms give the same bits.
  expect(paths.map((path) => set.has(path))).toEqual([true, true, false, false, false, false]);
});

test('a million paths take less than 40 MiB', () => {
  const set = new PathSet();
  const before = process.memoryUsage().arrayBuffers;
  const hex = '0'.repeat(48);
  for (let at = 0; at < 1_000_000; at++) {
    const own = Math.imul(at, 0x9e3779b1) >>> 0;
    set.add(blobPath(`sha256:${own.toString(16).padStart(16, '0')}${hex}`));
  }
  expect(set.size).toBe(1_000_000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(40 * 1024 * 1024);
});

test('what is no path of the pool is not added', () => {
  expect(() => new PathSet().add('serial/current.json')).toThrow('serial/current.json');
});
