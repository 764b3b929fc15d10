import { regclientRange } from './regclient-range.ts';

// What they take is tried beside regsync itself: test/end-to-end/import-regsync.test.ts.
test.each([
  ['1', '=1.0.0'],
  ['>=v1.2 <2', '>=1.2.0 <2.0.0'],
  ['^1.2.3-rc.1', '>=1.2.3-rc.1 <2.0.0'],
  ['^0.2', '>=0.2.0 <0.3.0'],
  ['^0', '>=0.0.0 <0.0.1'],
  ['~1', '>=1.0.0 <1.1.0'],
  [' =01.2.3+build ', '=1.2.3'],
])('%s is %s', (range, ours) => {
  expect(regclientRange(range)).toBe(ours);
});

test.each(['', '1.x', '*', '>= 1', '>=1, <2', '1 || 2', '1 - 2', '1.2.3.4', 'latest', '!=1', '~>1'])(
  '%j is refused',
  (range) => {
    expect(regclientRange(range)).toBeUndefined();
  },
);
