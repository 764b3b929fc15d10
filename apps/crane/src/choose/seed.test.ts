import { digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import { readMirrors } from './mirror.ts';
import { Pool } from './rendezvous.ts';

const DIGESTS = Array.from({ length: 400 }, (_, index) => digestOf(`blob ${index}`));
const seeds = fc.oneof(fc.string({ minLength: 1 }), fc.integer());
const FIXED = { seed: 20_261_121, numRuns: 60 };

/** The mirror that each digest is found at, of six. */
function chosenWith(seed: string | number | undefined): string[] {
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const mirrors = readMirrors(
    names.map((name) => ({ name, url: `https://${name}.example/` })),
    { seed },
  );
  const pool = new Pool(mirrors, [...mirrors.keys()]);
  return DIGESTS.map((digest) => names[pool.first(digest, () => true)] as string);
}

test('cranes with one seed choose alike, whatever it is', () => {
  fc.assert(
    fc.property(seeds, (seed) => expect(chosenWith(seed)).toEqual(chosenWith(seed))),
    FIXED,
  );
});

test('with two seeds, or with one and none, no more than chance has it go to the same mirror', () => {
  fc.assert(
    fc.property(seeds, fc.option(seeds, { nil: undefined }), (one, other) => {
      fc.pre(String(one) !== String(other));
      const [first, second] = [chosenWith(one), chosenWith(other)];
      const alike = first.filter((name, index) => name === second[index]).length;
      expect(alike / DIGESTS.length).toBeLessThan(0.5);
    }),
    FIXED,
  );
});

test('with any seed each mirror gets about its share', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const shares = Map.groupBy(chosenWith(seed), (name) => name);
      expect(shares.size).toBe(6);
      for (const { length } of shares.values()) expect(length / DIGESTS.length).toBeGreaterThan(1 / 15);
    }),
    FIXED,
  );
});
