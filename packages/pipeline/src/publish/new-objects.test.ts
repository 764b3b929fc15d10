import { createHash } from 'node:crypto';
import type { PoolObject } from '@gantry/catalog';
import { blobPath, indexPath, manifestPath } from '@gantry/tree';
import * as fc from 'fast-check';
import { NewObjects } from './new-objects.ts';

const hexOf = (algorithm: 'sha256' | 'sha512', text: string) =>
  createHash(algorithm).update(text).digest('hex');

/** Any object of a pool: of few names, so that some come again. */
const objects = fc
  .record({ name: fc.nat(40), place: fc.nat(3), size: fc.constantFrom(0, 1, 300, 2 ** 48 - 1) })
  .map(({ name, place, size }): PoolObject => {
    const sha256 = hexOf('sha256', `${name}`);
    const paths = [
      blobPath(`sha256:${sha256}`),
      blobPath(`sha512:${hexOf('sha512', `${name}`)}`),
      manifestPath('oci-index', `sha256:${sha256}`),
      indexPath(`sha256:${sha256}`),
    ];
    return { path: paths[place] ?? '', size: (name * size) % 2 ** 48, sha256, since: 7 };
  });

test('new objects come back each once, by their paths, whenever they are looked at in between', () => {
  fc.assert(
    fc.property(fc.array(fc.array(objects, { maxLength: 200 })), (parts) => {
      const added = new NewObjects(7);
      const expected = new Map<string, PoolObject>();
      for (const part of parts) {
        for (const object of part) {
          if (expected.has(object.path)) added.add(expected.get(object.path) ?? object);
          else added.add(object);
          expected.set(object.path, expected.get(object.path) ?? object);
        }
        expect([...added]).toEqual(
          [...expected.values()].toSorted((one, other) => (one.path < other.path ? -1 : 1)),
        );
      }
      const bytes = expected.values().reduce((sum, { size }) => sum + size, 0);
      expect(added.totals()).toEqual({ objects: expected.size, bytes });
    }),
  );
});
