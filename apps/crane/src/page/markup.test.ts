import { digestOf } from '@gantry/oci';
import * as fc from 'fast-check';
import { readMirrors, unprobed } from '../choose/mirror.ts';
import type { DescribedTag } from './describe-tags.ts';
import { pageAnswer } from './frame.ts';
import { frontPage } from './front-page.ts';
import type { Html } from './html.ts';
import { mirrorBars } from './mirror-bars.ts';
import { repositoryPage, sizeText } from './repository-page.ts';

const DIGEST = digestOf('');
const MIRRORS = readMirrors([{ name: 'a', url: 'https://a.example/', countries: ['DE'] }]).map(unprobed);
const STATEMENT = {
  tree: 't',
  serial: 1,
  previous: null,
  published: '2026-11-22T00:00:00Z',
  expires: '2026-11-29T00:00:00Z',
  root: DIGEST,
  list: DIGEST,
  full: null,
  signatures: [],
} as const;

/** Texts as they would be chosen by somebody who wants out of the markup. */
const hostile = fc.oneof(
  fc.string(),
  fc
    .array(
      fc.constantFrom(
        '<',
        '>',
        '"',
        "'",
        '&',
        '=',
        '`',
        '/',
        ' ',
        '-->',
        '</',
        '<script>',
        '<!--',
        '&lt',
        ']]>',
        'x',
      ),
    )
    .map((parts) => parts.join('')),
);

/** A page's tags with the names of their attributes, and how often each comes; values and text left out. */
function structureOf(main: Html, title: string): string[] {
  const { body } = pageAnswer({ title, host: 'h', main }, 1);
  if (body.from !== 'memory') throw new Error('a page is at hand');
  const text = Buffer.from(body.bytes)
    .toString()
    .replace(/<style>[^]*?<\/style>/, '');
  return [...text.matchAll(/<[^>]*>/g)].map(([tag]) => tag.replaceAll(/"[^"]*"/g, '""'));
}

const front = (texts: readonly string[], search: string, mirror: string) =>
  structureOf(
    frontPage({
      host: search,
      statement: STATEMENT,
      expired: true,
      repositories: texts.length,
      search: search || 'x',
      last: search,
      names: texts,
      next: search,
      hasSearch: true,
      mirrors: MIRRORS.map((state) => ({
        ...state,
        mirror: { ...state.mirror, name: mirror, countries: [mirror] },
      })),
    }),
    search,
  );
const found = (texts: readonly string[], search: string) =>
  structureOf(
    frontPage({
      host: search,
      statement: STATEMENT,
      expired: false,
      repositories: 1,
      search,
      last: '',
      names: [],
      hasSearch: true,
      found: {
        results: texts.map((text, index) => ({
          name: text,
          description: `of ${text}`,
          hasPage: index % 2 === 0,
        })),
        page: 1,
        pages: 2,
      },
      mirrors: [],
    }),
    search,
  );
const repository = (texts: readonly string[], text: string) =>
  structureOf(
    repositoryPage({
      host: text,
      name: text,
      tagCount: 9,
      page: 2,
      pages: 3,
      tags: texts.map((tag): DescribedTag => ({
        tag,
        digest: DIGEST,
        description: tag,
        platforms: [{ platform: tag, contentBytes: 1 }, { platform: tag }],
        hasMore: true,
        hasReferrers: true,
      })),
    }),
    text,
  );

test('no name, tag, description, platform or search changes what a page is made of', () => {
  fc.assert(
    fc.property(
      fc.array(hostile, { minLength: 1, maxLength: 3 }),
      hostile,
      hostile,
      (texts, text, mirror) => {
        const harmless = texts.map(() => 'a');
        expect(front(texts, text, mirror)).toEqual(front(harmless, 'a', 'a'));
        expect(found(texts, text)).toEqual(found(harmless, 'a'));
        expect(repository(texts, text)).toEqual(repository(harmless, 'a'));
      },
    ),
  );
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [52_428_800, '52.4 MB'],
  [1e16, '10000.0 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test('a bar is the shorter the further behind its mirror is, and never gone; of very many mirrors the first are shown', () => {
  const states = Array.from({ length: 103 }, (_, lag) =>
    MIRRORS.map((state) => ({ ...state, healthy: true, serial: 200 - lag })),
  ).flat();
  const text = mirrorBars(states, 200).toString();
  const bars = [...text.matchAll(/<rect width="([^"]*)"/g)].map(([, width]) => Number(width));
  expect(bars).toEqual(Array.from({ length: 100 }, (_, lag) => Math.max(100 - 10 * lag, 5)));
  expect(text).toContain('2 serials behind, at serial 198');
  expect(text).toContain('And 3 more');
});
