import * as fc from 'fast-check';
import { nextLink } from './link.ts';

describe('Link', () => {
  test.each([
    [undefined, undefined],
    ['', undefined],
    ['</v2/_catalog?last=b&n=2>; rel="next"', '/v2/_catalog?last=b&n=2'],
    ['</a>;rel=next', '/a'],
    ['</a>; rel="prev", </b>; rel="next"', '/b'],
    ['</a>; title="x, <y>; rel=next"; rel="prev"', undefined],
    ['</a>; REL="last NEXT"', '/a'],
    ['</a>; rel="prev"; rel="next"', undefined],
    ['</a,b>; anchor; rel=next', '/a,b'],
    ['</a>', undefined],
    ['no link; rel="next"', undefined],
    ['</a; rel="next"', undefined],
  ])('%s names the next page %s', (header, expected) => {
    expect(nextLink(header)).toBe(expected);
  });

  test('the next page is found among others, whatever their parameters hold', () => {
    const target = fc.stringMatching(/^[!-;=?-~]{1,20}$/);
    const other = fc
      .tuple(target, fc.string({ maxLength: 20 }))
      .map(([uri, title]) => `<${uri}>; rel="prev"; title="${title.replaceAll(/["\\]/g, '\\$&')}"`);
    fc.assert(
      fc.property(fc.array(other, { maxLength: 3 }), target, (others, uri) => {
        expect(nextLink([...others, `<${uri}>; rel="next"`, '</late>; rel="next"'].join(', '))).toBe(uri);
      }),
    );
  });

  test('nothing that a header can hold makes it fail', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'<>;,="\\ a/relnxt'.split('')), maxLength: 200 }),
        (header) => {
          expect(nextLink(header)?.includes('>') ?? false).toBe(false);
        },
      ),
    );
  });
});
