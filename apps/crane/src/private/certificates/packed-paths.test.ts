import { deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { unpackPaths } from './packed-paths.ts';
import { coversPath } from './path-words.ts';

/** Codes of `count` values whose weights are 1, 2, 3, …: the two lightest are joined, the one that waited longer first. */
function codesOf(count: number): string[] {
  const codes = Array.from({ length: count }, () => '');
  let waiting = codes.map((_, leaf) => ({ weight: leaf + 1, leaves: [leaf] }));
  while (waiting.length > 1) {
    const [left, right, ...rest] = waiting.toSorted((one, other) => one.weight - other.weight);
    if (left === undefined || right === undefined) break;
    for (const leaf of left.leaves) codes[leaf] = `0${codes[leaf]}`;
    for (const leaf of right.leaves) codes[leaf] = `1${codes[leaf]}`;
    waiting = [...rest, { weight: left.weight + right.weight, leaves: [...left.leaves, ...right.leaves] }];
  }
  return codes;
}

/** Packs paths as Candlepin does, but that each but the last word of a path has a node of its own. */
function pack(paths: readonly string[]): Buffer {
  const words = [...new Set(paths.flatMap((path) => path.split('/'))), ''];
  const wordCodes = codesOf(words.length);
  const nodes: { word: string; to: number }[][] = [[]];
  for (const path of paths) {
    let from = 0;
    for (const word of path.split('/')) {
      nodes[from]?.push({ word, to: nodes.length });
      from = nodes.push([]) - 1;
    }
  }
  const nodeCodes = codesOf(nodes.length - 1);
  const wordBits = (word: string) => wordCodes[words.indexOf(word)] ?? '';
  const bits = nodes
    .map((next) => next.map(({ word, to }) => wordBits(word) + nodeCodes[to - 1]).join('') + wordBits(''))
    .join('');
  const bytes = (bits.match(/.{1,8}/g) ?? []).map((eight) => Number.parseInt(eight.padEnd(8, '0'), 2));
  const count = nodes.length < 128 ? [nodes.length] : [130, nodes.length >> 8, nodes.length & 255];
  return Buffer.concat([deflateSync(words.join('\0')), Buffer.from([...count, ...bytes])]);
}

test('paths that were packed are those that are covered', () => {
  const word = fc.constantFrom('content', 'corp', 'app', 'os', '$releasever', '*', 'x86_64');
  const path = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join('/'));
  const paths = fc.uniqueArray(path, { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(paths, path, (packed, asked) => {
      const words = asked.split('/');
      const expected = packed.some((one) =>
        one
          .split('/')
          .every((known, at) => known === words[at] || (/^[$*]/.test(known) && at < words.length)),
      );
      expect(coversPath(unpackPaths(pack(packed)), `/${asked}/`)).toBe(expected);
    }),
    { seed: 10, numRuns: 300 },
  );
});

test('a path covers what lies below it by whole words, and what is no packed path is refused', () => {
  const paths = unpackPaths(pack(['content/corp']));
  expect(coversPath(paths, '/content/corp/app')).toBe(true);
  expect(coversPath(paths, '/content/corporate')).toBe(false);
  expect(coversPath(paths, '/content')).toBe(false);
  expect(coversPath(paths, '/content/corp/../other')).toBe(false);
  expect(() => unpackPaths(Buffer.from('nothing of the kind'))).toThrow('header');
  expect(() => unpackPaths(deflateSync('a\0'))).toThrow('outside buffer bounds');
});

const packed = (...rest: readonly number[]) => Buffer.concat([deflateSync('a\0'), Buffer.from(rest)]);

test('what a certificate says of the number of its nodes is not believed', () => {
  expect(() => unpackPaths(packed(131, 2, 0, 0))).toThrow('more than 100000 nodes');
  expect(() => unpackPaths(packed(133, 1, 1, 1, 1, 1))).toThrow('can not be read');
  // The root has no words; the next node has three times `a`, and then an `a` that leads nowhere.
  expect(() => unpackPaths(packed(3, 0b1000_0000))).toThrow('the paths end early');
});
