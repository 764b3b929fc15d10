import { openApi, sharedApi } from '../api.fixture.ts';

const SYNCS = '/api/v1/syncs';

describe('POST /api/v1/syncs', () => {
  const shared = sharedApi();

  test('makes a task of it and hands it to a worker', async () => {
    await using api = await openApi();
    const body = { source: 'candidates', repositories: ['fedora/httpd'], dryRun: true };
    const answer = await api.call('POST', SYNCS, { token: 'syncer', body });
    expect(answer.status).toBe(202);
    const place = answer.headers.get('location') ?? '';
    expect(place).toBe(`/api/v1/tasks/${answer.body.id}`);
    const { body: task } = await api.call('GET', place);
    expect(task).toEqual({
      id: answer.body.id,
      kind: 'sync',
      parameters: body,
      state: 'queued',
      progress: { bytes: 0, blobs: 0, tags: 0 },
      errors: [],
      result: null,
      createdAt: task.createdAt,
      startedAt: null,
      endedAt: null,
    });
    expect(await api.waiting('sync')).toBe(1);
  });

  test('names the sources there are to who asks for another', async () => {
    await using api = await openApi();
    const { status, body } = await api.call('POST', SYNCS, { body: { source: 'candidate' } });
    expect([status, body.type, body.source]).toEqual([404, 'urn:gantry:problem:source-unknown', 'candidate']);
    expect(body.detail).toContain('there are candidates');
    expect(await api.waiting('sync')).toBe(0);
  });

  test('says so when no source is configured', async () => {
    await using api = await openApi({ sources: [] });
    const { body } = await api.call('POST', SYNCS, { body: { source: 'candidates' } });
    expect(body.detail).toContain('none is configured');
  });

  test.each([
    [{}, 'request-invalid', 'source is missing'],
    [{ source: 'candidates', repositories: [] }, 'request-invalid', 'repositories'],
    [{ source: 'candidates', repositories: ['Fedora'] }, 'name-invalid', 'Fedora'],
    [{ source: 'candidates', repository: 'x' }, 'request-invalid', '"repository"'],
    [{ source: 'candidates', dryRun: 'yes' }, 'request-invalid', 'dryRun'],
    [[], 'request-invalid', 'expected object, received array'],
    [null, 'request-invalid', 'expected object, received null'],
  ])('refuses %j', async (wrong, type, named) => {
    const api = shared();
    const { status, body } = await api.call('POST', SYNCS, { body: wrong });
    expect([status, body.type]).toEqual([400, `urn:gantry:problem:${type}`]);
    expect(body.detail).toContain(named);
  });
});
