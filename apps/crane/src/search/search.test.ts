import type { Reader } from '../private/reader.ts';
import { ANYBODY } from '../private/reader.ts';
import type { FoundRepository, SearchBackend, SearchFailure } from './backend.ts';
import { createSearch } from './search.ts';

const MANY = Array.from({ length: 60 }, (_, index) => ({ name: `many/${index}`, description: '' }));

/** A search among given results, all of which are published unless they are `gone`. */
function searchAmong(found: readonly FoundRepository[] | SearchFailure) {
  const asked: string[] = [];
  const backend: SearchBackend = {
    find: (text) => {
      asked.push(text);
      return Promise.resolve(found);
    },
  };
  const search = createSearch(backend, (name, reader) =>
    Promise.resolve(reader.mayRead(name) && name !== 'gone'),
  );
  const answer = async (query: string, reader: Reader = ANYBODY) => {
    const { status, headers, body } = await search.answer(query, reader);
    return { status, headers, text: body.from === 'memory' ? String(body.bytes) : '' };
  };
  return { asked, answer };
}

test('the answer has the shape that docker and podman read', async () => {
  const { answer, asked } = searchAmong([
    { name: 'fedora/httpd', description: 'The web server' },
    { name: 'x', description: '', starCount: 3, isOfficial: true, isAutomated: true },
  ]);
  const { status, headers, text } = await answer('q=httpd&n=25');
  expect([status, headers.slice(0, 2)]).toEqual([200, ['Content-Type', 'application/json']]);
  expect(asked).toEqual(['httpd']);
  expect(JSON.parse(text)).toEqual({
    num_pages: 1,
    num_results: 2,
    page: 1,
    page_size: 25,
    query: 'httpd',
    results: [
      {
        name: 'fedora/httpd',
        description: 'The web server',
        star_count: 0,
        is_official: false,
        is_automated: false,
        is_trusted: false,
      },
      { name: 'x', description: '', star_count: 3, is_official: true, is_automated: true, is_trusted: true },
    ],
  });
});

test.each([
  ['q=a', 25, 3, 1, 'many/0'],
  ['q=a&n=10&page=6', 10, 6, 6, 'many/50'],
  ['q=a&n=500', 60, 1, 1, 'many/0'],
  ['q=a&n=&page=', 25, 3, 1, 'many/0'],
  ['q=a&page=99', 0, 3, 99, undefined],
])('%s has %d results, one of %d pages', async (query, results, pages, page, first) => {
  const told = JSON.parse((await searchAmong(MANY).answer(query)).text) as Record<string, unknown>;
  const names = (told['results'] as { name: string }[]).map(({ name }) => name);
  expect([names.length, told['num_pages'], told['page'], told['num_results'], names[0]]).toEqual([
    results,
    pages,
    page,
    60,
    first,
  ]);
});

test.each([
  ['', 'parameter "q" is required'],
  ['n=5', 'parameter "q" is required'],
  ['q=%20', 'parameter "q" is required'],
  ['q=a&n=0', /whole numbers/],
  ['q=a&n=1e3', /whole numbers/],
  ['q=a&page=-1', /whole numbers/],
])('the query %p is refused', async (query, text) => {
  const { answer, asked } = searchAmong(MANY);
  const refused = await answer(query);
  expect(refused).toMatchObject({ status: 400, text: expect.stringMatching(text) });
  expect(asked).toEqual([]);
});

test('nothing is told of what who asks may not read, nor of what is not published', async () => {
  const { answer } = searchAmong([
    { name: 'open', description: '' },
    { name: 'secret', description: 'of the board' },
    { name: 'gone', description: '' },
    { name: 'secret', description: 'sold elsewhere', isElsewhere: true },
  ]);
  const outsider: Reader = { ...ANYBODY, mayRead: (name) => name !== 'secret' };
  const { num_results: count, results } = JSON.parse((await answer('q=s', outsider)).text) as {
    num_results: number;
    results: { description: string }[];
  };
  expect([count, results.map(({ description }) => description)]).toEqual([2, ['', 'sold elsewhere']]);
});

test.each([502, 503, 504] as const)('a search that fails with %d says so', async (status) => {
  const { headers, ...rest } = await searchAmong({ status, message: 'why' }).answer('q=a');
  expect(rest).toEqual({ status, text: 'why' });
  expect(headers.includes('Retry-After')).toBe(status === 503);
});

test('a long text is cut before it is looked for', async () => {
  const { answer, asked } = searchAmong([]);
  await answer(`q=${'a'.repeat(3000)}`);
  expect(asked[0]).toHaveLength(255);
});
