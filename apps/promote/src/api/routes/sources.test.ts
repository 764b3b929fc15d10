import { openApi } from '../api.fixture.ts';

const source = (name: string, everyMs?: number) => ({
  name,
  host: 'registry.example.org:5000',
  repositories: ['candidate/**', 'plain'],
  ...(everyMs === undefined ? {} : { everyMs }),
  takes: () => true,
});

const shown = (name: string, every: string | null) => ({
  name,
  registry: 'registry.example.org:5000',
  repositories: ['candidate/**', 'plain'],
  every,
});

test('GET /api/v1/sources lists them by name, page by page, and nothing of how they are reached', async () => {
  await using api = await openApi({ sources: [source('b', 5_400_000), source('a'), source('c', 300_000)] });
  for (const limit of [1, 2, 10]) {
    const { items } = await api.listAll('/api/v1/sources', limit);
    expect(items).toEqual([shown('a', null), shown('b', '1h30m'), shown('c', '5m')]);
  }
  expect((await api.call('GET', '/api/v1/sources?cursor=x')).status).toBe(400);
});
