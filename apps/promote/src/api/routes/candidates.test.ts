import { openApi, sharedApi } from '../api.fixture.ts';
import type { Image } from '../image.fixture.ts';

const CANDIDATES = '/api/v1/candidates';

describe('GET /api/v1/candidates', () => {
  const shared = sharedApi();

  test('shows what is known of a candidate', async () => {
    await using api = await openApi();
    const { digest } = await api.putCandidate('fedora/httpd', 'v1');
    const { body } = await api.call('GET', CANDIDATES, { token: 'reader' });
    expect(body).toEqual({
      items: [
        {
          source: 'candidates',
          sourceRepository: 'candidate/fedora/httpd',
          repository: 'fedora/httpd',
          tag: 'v1',
          digest,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          platforms: ['linux/amd64'],
          size: expect.any(Number),
          syncedAt: expect.any(String),
          goneAt: null,
          labels: { 'org.opencontainers.image.title': 'fedora/httpd' },
          companions: [],
          referrers: [],
        },
      ],
      next: null,
    });
  });

  test('finds by repository, tag, digest and time, and pages', async () => {
    await using api = await openApi();
    const images: Image[] = [];
    for (const [repository, tag] of [
      ['a', '1'],
      ['a', '2'],
      ['b', '1'],
      ['b', '2'],
      ['b', '3'],
    ] as const)
      images.unshift(await api.putCandidate(repository, tag));
    const found = async (query: string, limit = 2) =>
      ((await api.listAll(`${CANDIDATES}?${query}`, limit)).items as Image[]).map(
        ({ repository, tag }) => `${repository}:${tag}`,
      );
    expect(await found('')).toEqual(['b:3', 'b:2', 'b:1', 'a:2', 'a:1']);
    expect(await found('repository=b', 1)).toEqual(['b:3', 'b:2', 'b:1']);
    expect(await found('tag=1')).toEqual(['b:1', 'a:1']);
    expect(await found(`digest=${images[0]?.digest}`)).toEqual(['b:3']);
    expect(await found('repository=a&tag=2')).toEqual(['a:2']);
    expect(await found('repository=c')).toEqual([]);
    expect(await found('since=2100-01-01T00:00:00Z')).toEqual([]);
    expect(await found('since=2000-01-01T02:00:00%2B02:00')).toHaveLength(5);
  });

  test.each(['__proto__', 'constructor'])('shows a label called %s as any other', async (name) => {
    await using api = await openApi();
    await api.putCandidate('a', '1');
    const candidate = await api.flow.catalog.candidates.current('a', '1');
    const labels = JSON.parse(`{"${name}":"x"}`) as Record<string, string>;
    await api.flow.catalog.candidates.put({ ...candidate!, labels });
    const { body } = await api.call('GET', CANDIDATES);
    expect(JSON.stringify(body.items[0].labels)).toBe(`{"${name}":"x"}`);
  });

  test.each([
    ['repository=A', 'name-invalid', '"A"'],
    ['tag=-', 'tag-invalid', '"-"'],
    ['digest=sha256:0', 'digest-invalid', 'sha256:0'],
    ['since=yesterday', 'request-invalid', 'since is not a time'],
    ['limit=0', 'request-invalid', 'limit is not a whole number'],
    ['limit=-1', 'request-invalid', 'limit'],
    ['limit=ten', 'request-invalid', 'limit'],
    ['limit=1.5', 'request-invalid', 'limit'],
    ['limit=', 'request-invalid', 'limit'],
    ['limit=1&limit=2', 'request-invalid', 'limit stands more than once'],
    ['tag=a&tag=b', 'request-invalid', 'tag stands more than once'],
    ['repo=a', 'request-invalid', '"repo" is not a parameter that is known: there are repository, tag'],
    ['__proto__=a', 'request-invalid', '__proto__'],
    ['tag[a]=b', 'request-invalid', 'tag[a]'],
    ['cursor=nonsense', 'request-invalid', 'cursor'],
    ['cursor=', 'request-invalid', 'cursor'],
  ])('refuses ?%s', async (query, type, named) => {
    const api = shared();
    const { status, body } = await api.call('GET', `${CANDIDATES}?${query}`);
    expect([status, body.type]).toEqual([400, `urn:gantry:problem:${type}`]);
    expect(body.detail).toContain(named);
  });

  test.each(['1000', '1001', '99999999999999999999'])(
    'takes a limit of %s as 1000 at the most',
    async (limit) => {
      await using api = await openApi();
      await api.putCandidate('a', '1');
      const { status, body } = await api.call('GET', `${CANDIDATES}?limit=${limit}`);
      expect([status, body.items.length]).toEqual([200, 1]);
    },
  );
});
