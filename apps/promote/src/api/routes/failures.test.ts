import { Fault, toProblem } from '@gantry/oci';
import { sharedApi } from '../api.fixture.ts';

const problem = toProblem(new Fault('SOURCE_FAILED', 'answered 500'));
const failure = (source: string, tag?: string) => ({
  source,
  sourceRepository: 'candidate/app',
  repository: 'app',
  ...(tag === undefined ? {} : { tag }),
  problem,
  attempts: 2,
  firstAt: '2026-11-21T09:00:00.000Z',
  lastAt: '2026-11-21T09:01:00.000Z',
  retryAt: tag === undefined ? null : '2026-11-21T09:02:00.000Z',
});

describe('GET /api/v1/failures', () => {
  const shared = sharedApi((api) =>
    api.flow.catalog.failures.put([failure('a'), failure('a', '1'), failure('b', '1')]),
  );

  test('lists what could not be synced, of all sources or of one, page by page', async () => {
    const { items } = await shared().listAll('/api/v1/failures', 2);
    expect(items).toEqual([{ ...failure('a'), tag: null }, failure('a', '1'), failure('b', '1')]);
    expect((await shared().listAll('/api/v1/failures?source=b', 1)).items).toEqual([failure('b', '1')]);
    expect((await shared().call('GET', '/api/v1/failures?source=c')).body).toEqual({ items: [], next: null });
  });

  test.each(['cursor=x', 'limit=0', 'tag=1'])('refuses %s', async (query) => {
    expect((await shared().call('GET', `/api/v1/failures?${query}`)).status).toBe(400);
  });
});
