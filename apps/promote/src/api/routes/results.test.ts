import { openApi, sharedApi } from '../api.fixture.ts';

const digest = `sha256:${'1'.repeat(64)}`;
const smoke = { digest, testcase: 'smoke', outcome: 'PASSED' };

describe('a result', () => {
  test('is kept as it came, in the shape of ResultsDB, and answered so', async () => {
    await using api = await openApi();
    const { status, body } = await api.call('POST', '/api/v1/results', {
      token: 'approver',
      body: {
        ...smoke,
        repository: 'fedora/httpd',
        testcase: { name: 'dist.smoke', ref_url: 'https://tests.example.org/smoke' },
        ref_url: 'https://ci.example.org/1',
        note: 'all fine',
        data: { item: 'httpd-2.4', type: ['koji_build'], scenario: ['x86_64', 'ignored'] },
        groups: ['nightly'],
        id: 'run-1',
      },
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: 'candidates:run-1',
      digest,
      repository: 'fedora/httpd',
      testcase: 'dist.smoke',
      testcase_ref_url: 'https://tests.example.org/smoke',
      outcome: 'PASSED',
      source: 'candidates',
      scenario: 'x86_64',
      ref_url: 'https://ci.example.org/1',
      note: 'all fine',
      groups: ['nightly'],
      data: { item: ['httpd-2.4'], type: ['koji_build'], scenario: ['x86_64', 'ignored'] },
      submittedBy: 'approver',
      submittedAt: expect.any(String),
    });
    expect((await api.call('GET', '/api/v1/results/candidates:run-1')).body).toEqual(body);
    expect((await api.call('GET', `/api/v1/results?digest=${digest}`)).body.items).toEqual([body]);
  });

  test('that is sent twice is one; its id is no other result’s', async () => {
    await using api = await openApi();
    const send = (some: object) =>
      api.call('POST', '/api/v1/results', { token: 'approver', body: { ...smoke, id: 'a', ...some } });
    const first = await send({});
    expect((await send({ note: 'again' })).body).toEqual(first.body);
    const { status, body } = await send({ outcome: 'FAILED' });
    expect([status, body.type]).toEqual([409, 'urn:gantry:problem:conflict']);
    expect((await api.call('GET', '/api/v1/results')).body.items).toHaveLength(1);
  });

  test('of another source may have the same id: nobody takes one that somebody else is about to use', async () => {
    await using api = await openApi();
    const send = (source: string, outcome: string) =>
      api.call('POST', '/api/v1/results', { body: { ...smoke, id: 'a', source, outcome } });
    expect((await send('other', 'PASSED')).status).toBe(201);
    const { status, body } = await send('ci', 'FAILED');
    expect([status, body.id, body.outcome]).toEqual([201, 'ci:a', 'FAILED']);
    expect((await send('ci', 'FAILED')).body).toEqual(body);
    expect((await send('ci', 'PASSED')).status).toBe(409);
    const { body: longest } = await api.call('POST', '/api/v1/results', {
      body: { ...smoke, source: 's'.repeat(128), id: 'i'.repeat(200) },
    });
    expect((await api.call('GET', `/api/v1/results/${longest.id}`)).body).toEqual(longest);
  });

  test('may come with others, up to a thousand', async () => {
    await using api = await openApi();
    const many = Array.from({ length: 1000 }, (_, n) => ({ ...smoke, testcase: `t${n}` }));
    const send = (body: unknown) => api.call('POST', '/api/v1/results', { token: 'approver', body });
    const { status, body } = await send(many);
    expect([status, body.length, body[999].testcase]).toEqual([201, 1000, 't999']);
    expect((await send([...many, smoke])).status).toBe(400);
    expect((await send([])).status).toBe(400);
    expect((await api.listAll('/api/v1/results', 300)).items).toHaveLength(1000);
  }, 30_000);

  test('is found by what it says', async () => {
    await using api = await openApi();
    const body = [
      smoke,
      { ...smoke, testcase: 'upgrade', outcome: 'FAILED' },
      { ...smoke, digest: `sha256:${'2'.repeat(64)}`, source: 'openqa' },
    ];
    await api.call('POST', '/api/v1/results', { body: body.map((one) => ({ source: 'ci', ...one })) });
    const count = async (query: string) =>
      (await api.call('GET', `/api/v1/results?${query}`)).body.items.length;
    expect(await count('testcase=smoke')).toBe(2);
    expect(await count('outcome=FAILED')).toBe(1);
    expect(await count('source=openqa')).toBe(1);
    expect(await count(`digest=${digest}&testcase=smoke`)).toBe(1);
    expect(await count('since=2999-01-01T00:00:00Z')).toBe(0);
  });
});

describe('a result is refused', () => {
  const shared = sharedApi();

  test.each([
    [{ outcome: 'GOOD' }, 'outcome is "GOOD", and must be one of PASSED, INFO, FAILED'],
    [{ testcase: '' }, 'testcase'],
    [{ testcase: { title: 'a' } }, 'testcase.name'],
    [{ verdict: 1 }, 'verdict'],
    [{ data: { a: [1] } }, 'data.a'],
    [{ data: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`k${n}`, 'v'])) }, 'more than 100'],
  ])('that is not well formed: %#', async (some, said) => {
    const { status, body } = await shared().call('POST', '/api/v1/results', {
      body: { ...smoke, source: 'ci', ...some },
    });
    expect([status, body.type]).toEqual([400, 'urn:gantry:problem:request-invalid']);
    expect(body.detail).toContain(said);
  });

  test.each([
    [{ digest: 'sha256:x' }, 400, 'digest-invalid'],
    [{ repository: 'A' }, 400, 'name-invalid'],
    [{ source: undefined }, 422, 'request-unprocessable'],
  ])('that names what is none: %j', async (some, expected, type) => {
    const { status, body } = await shared().call('POST', '/api/v1/results', {
      body: { ...smoke, source: 'ci', ...some },
    });
    expect([status, body.type]).toEqual([expected, `urn:gantry:problem:${type}`]);
  });

  test('from who may not speak for its source, also one among many', async () => {
    const post = (body: unknown) => shared().call('POST', '/api/v1/results', { token: 'approver', body });
    expect((await post({ ...smoke, source: 'openqa' })).body).toMatchObject({
      status: 403,
      scope: 'report:openqa',
    });
    expect((await post([smoke, { ...smoke, source: 'openqa' }])).status).toBe(403);
    expect((await shared().call('GET', '/api/v1/results')).body.items).toEqual([]);
  });

  test('when it is not there', async () => {
    const { status, body } = await shared().call('GET', '/api/v1/results/none');
    expect([status, body.type]).toEqual([404, 'urn:gantry:problem:result-unknown']);
  });
});
