import { matches, waitPreferred } from './record-answer.ts';

test.each([
  ['wait=10', 10],
  ['WAIT = "5"', 5],
  ['respond-async, wait=0', 0],
  ['wait=3; x=y', 3],
  ['wait=61', 60],
  ['wait=999999999', 60],
  ['wait=3, wait=9', 3],
  ['wait=-1', undefined],
  ['wait=1.5', undefined],
  ['wait', undefined],
  ['await=10', undefined],
  ['return=minimal', undefined],
  ['', undefined],
  [undefined, undefined],
])('Prefer: %s waits %s seconds', (header, seconds) => {
  expect(waitPreferred(header)).toBe(seconds);
});

test.each([
  ['"3"', true],
  ['W/"3"', true],
  ['"1", W/"2" , "3"', true],
  ['*', true],
  ['"33"', false],
  ['3', false],
  ['', false],
  [undefined, false],
])('If-None-Match: %s matches "3": %s', (header, expected) => {
  expect(matches(header, '"3"')).toBe(expected);
});
