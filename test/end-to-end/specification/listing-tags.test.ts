import { APP, CROWD, TAGS } from './content.ts';
import { errorOf, onEachCrane } from './cranes.ts';

// distribution-spec, "Listing Tags".

const SORTED = TAGS.toSorted();

onEachCrane(({ ask, url }, real) => {
  const list = async (query: string, name: string = APP.name) => {
    const response = await ask(`/v2/${name}/tags/list${query}`, { redirect: 'manual' });
    expect([query, response.status]).toEqual([query, 200]);
    expect(response.headers.get('content-type')).toBe('application/json');
    const body = (await response.json()) as { name: string; tags: string[] };
    return { body, tags: body.tags, link: response.headers.get('link') };
  };

  /** All pages, each found by the Link of the one before it, which has to be on the crane itself. */
  const through = async (name: string, query: string) => {
    const pages: string[][] = [];
    for (let next: string | undefined = query; next !== undefined;) {
      const { tags, link } = await list(next, name);
      pages.push(tags);
      next = undefined;
      if (link === null) continue;
      const [, target = link] = /^<([^>]*)>; rel="next"$/.exec(link) ?? [];
      const page = new URL(target, `${url()}/v2/`);
      expect([link, page.origin, page.pathname]).toEqual([link, url(), `/v2/${name}/tags/list`]);
      next = page.search;
    }
    return pages;
  };

  real.test(
    'a repository that is found MUST be 200 with its name and tags, by the crane itself',
    async () => {
      const { body } = await list('');
      expect(body).toEqual({ name: 'team/app', tags: SORTED });
    },
  );

  real.test('a repository that is not found is 404', async () => {
    expect(await errorOf(await ask('/v2/nobody/tags/list'))).toEqual({ status: 404, code: 'NAME_UNKNOWN' });
  });

  real.test('tags MUST be in "ASCIIbetical" order, on every page', async () => {
    expect((await list('')).tags).toEqual(
      TAGS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
  });

  real.test('with n the answer MUST have that many, from the beginning of the list', async () => {
    for (const n of [1, 5, TAGS.length]) expect((await list(`?n=${n}`)).tags).toEqual(SORTED.slice(0, n));
  });

  real.test('fewer than n come where there are not as many, and then no Link', async () => {
    expect(await list('?n=1000')).toMatchObject({ tags: SORTED, link: null });
  });

  real.test('n=0 MUST give an empty list, and MUST NOT include a Link', async () => {
    for (const query of ['?n=0', '?n=0&last=1.0', '?n=00'])
      expect(await list(query)).toMatchObject({ tags: [], link: null });
  });

  real.test('last begins after that tag, without it, with n or without', async () => {
    for (const [at, last] of SORTED.entries()) {
      expect((await list(`?last=${last}`)).tags).toEqual(SORTED.slice(at + 1));
      expect((await list(`?n=2&last=${last}`)).tags).toEqual(SORTED.slice(at + 1, at + 3));
    }
  });

  real.test('last may be a tag that is not there, or is none', async () => {
    expect((await list('?last=a')).tags).toEqual(SORTED.filter((tag) => tag > 'a'));
    expect((await list('?n=1&last=v10')).tags).toEqual(['v2']);
    expect((await list('?last=%7F')).tags).toEqual([]);
    expect((await list('?last=')).tags).toEqual(SORTED);
    expect((await list('?last=%20%C3%A4/..')).tags).toEqual(SORTED);
  });

  real.test(
    'the Links of the pages, of the form of RFC 8288 and on the crane itself, lead through all tags once',
    async () => {
      const pages = await through(APP.name, '?n=5');
      expect(pages.map((page) => page.length)).toEqual([5, 5, 2]);
      expect(pages.flat()).toEqual(SORTED);
      // More than one answer holds, whether the client names a number or not.
      expect((await through(CROWD.name, '')).flat()).toEqual(CROWD.tags);
      expect((await through(CROWD.name, '?n=20000')).flat()).toEqual(CROWD.tags);
    },
  );

  real.test('n that is no whole number is 400 with an error body', async () => {
    for (const n of ['-1', 'x', '', '1.5', '1e3', '%20', '0x10'])
      expect({ n, ...(await errorOf(await ask(`/v2/team/app/tags/list?n=${n}`))) }).toEqual({
        n,
        status: 400,
        code: 'UNSUPPORTED',
      });
  });

  real.test('a list may be kept for seconds: another may come with the next serial', async () => {
    const response = await ask('/v2/team/app/tags/list');
    await response.body?.cancel();
    expect(response.headers.get('cache-control')).toBe('public, max-age=10');
  });
});
