import * as fc from 'fast-check';
import { MAX_PAGE, parseTagQuery, tagPage } from './tag-page.ts';

test.each([
  ['', { limit: MAX_PAGE, limited: false }],
  ['n=5', { limit: 5, limited: true }],
  ['n=0', { limit: 0, limited: true }],
  ['n=99999999999999999999', { limit: MAX_PAGE, limited: true }],
  ['n=5&last=v1&ns=x', { limit: 5, limited: true, last: 'v1' }],
  ['last=', { limit: MAX_PAGE, limited: false }],
  ['last=a%20b', { limit: MAX_PAGE, limited: false, last: 'a b' }],
  ['n=', undefined],
  ['n=-1', undefined],
  ['n=1.5', undefined],
  ['n=1e3', undefined],
  ['n=many', undefined],
])('the query %p asks for %p', (query, wanted) => {
  expect(parseTagQuery(query)).toEqual(wanted);
});

const SORTED = ['10', '9', 'V1', 'latest', 'v1'];

test.each([
  [{ limit: 10 }, SORTED, undefined],
  [{ limit: 5 }, SORTED, undefined],
  [{ limit: 2 }, ['10', '9'], '9'],
  [{ limit: 2, last: '9' }, ['V1', 'latest'], 'latest'],
  [{ limit: 2, last: 'latest' }, ['v1'], undefined],
  [{ limit: 2, last: 'a tag that is not there' }, ['latest', 'v1'], undefined],
  [{ limit: 2, last: 'zzz' }, [], undefined],
  [{ limit: 0 }, [], undefined],
])('the page %p is %p, and the next follows %p', (query, tags, next) => {
  expect(tagPage(SORTED, { limited: true, ...query })).toEqual({
    tags,
    ...(next === undefined ? {} : { next }),
  });
});

test('page after page gives each tag once, in order', () => {
  const tags = fc
    .uniqueArray(fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,4}$/))
    .map((all) => all.toSorted());
  fc.assert(
    fc.property(tags, fc.integer({ min: 1, max: 7 }), (sorted, limit) => {
      const seen: string[] = [];
      let last: string | undefined;
      do {
        const page = tagPage(sorted, { limit, limited: true, ...(last === undefined ? {} : { last }) });
        seen.push(...page.tags);
        last = page.next;
      } while (last !== undefined);
      expect(seen).toEqual(sorted);
    }),
  );
});
