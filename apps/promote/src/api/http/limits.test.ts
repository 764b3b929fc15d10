import { type Network, parseNetwork, SERVER_LIMITS } from '@gantry/service';
import { openApi, sharedApi } from '../api.fixture.ts';
import { readAnswer, sendRaw } from '../raw-request.fixture.ts';
import { ROUTES } from '../route-table.ts';

const problem = (name: string) => `urn:gantry:problem:${name}`;

describe('who asks too often', () => {
  test('is told when to come again, whatever it asks; others, and who needs no token, are served', async () => {
    await using api = await openApi({ callerRate: { requestsPerSecond: 0.01, burst: 3 } });
    const ask = (token: 'reader' | 'ci', path = '/api/v1/tasks') => api.call('GET', path, { token });
    expect([(await ask('reader')).status, (await ask('reader')).status]).toEqual([200, 200]);
    // What is refused counts too.
    expect((await api.call('POST', '/api/v1/syncs', { token: 'reader', body: {} })).status).toBe(403);
    const { status, headers, body } = await ask('reader');
    expect([status, body.type]).toEqual([429, problem('toomanyrequests')]);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(90);
    expect(body.detail).toBe('more than 0.01 requests a second came from reader: ask less often');
    expect((await ask('ci')).status).toBe(200);
    expect((await api.call('GET', '/readyz', { token: 'reader' })).status).toBe(200);
    // Nor does it fill the audit log.
    expect((await api.call('POST', '/api/v1/syncs', { token: 'reader', body: {} })).status).toBe(429);
    expect((await api.call('GET', '/api/v1/audit')).body.items).toHaveLength(1);
  });

  test('with credentials of nobody is told the same after a while, and a token that is known still works', async () => {
    await using api = await openApi();
    const guess = () =>
      api.call('GET', '/api/v1/tasks', { token: null, headers: { Authorization: 'Bearer guess' } });
    const statuses = [];
    for (let n = 0; n < 60; n++) statuses.push((await guess()).status);
    expect(statuses.slice(0, 50)).toEqual(Array.from({ length: 50 }, () => 401));
    expect(statuses.slice(50)).toContain(429);
    expect((await api.call('GET', '/api/v1/tasks', { token: 'reader' })).status).toBe(200);
    // Without credentials nothing was tried.
    expect((await api.call('GET', '/api/v1/tasks', { token: null })).status).toBe(401);
  });
});

const statusesOf = async (api: Awaited<ReturnType<typeof openApi>>, client: string, times = 60) => {
  const headers = { Authorization: 'Basic bm9ib2R5Om5vdGhpbmc=', 'X-Forwarded-For': client };
  const statuses = new Set<number>();
  for (let n = 0; n < times; n++)
    statuses.add((await api.call('GET', '/api/v1/tasks', { token: null, headers })).status);
  return [...statuses];
};

describe('behind a proxy', () => {
  test('that is trusted, who guesses shuts out nobody else', async () => {
    const loopback = parseNetwork('127.0.0.0/8') as Network;
    await using api = await openApi({ trustedProxies: [loopback] });
    expect(await statusesOf(api, '192.0.2.1')).toEqual([401, 429]);
    expect(await statusesOf(api, '192.0.2.2', 3)).toEqual([401]);
  });

  test('that is not, what it says counts for nothing', async () => {
    await using api = await openApi();
    expect(await statusesOf(api, '192.0.2.1')).toEqual([401, 429]);
    expect(await statusesOf(api, '192.0.2.2', 3)).toEqual([429]);
  });
});

describe('what is no request', () => {
  const shared = sharedApi();
  const head = 'GET /api/v1/tasks HTTP/1.1\r\nHost: x\r\n';

  test.each([
    ['headers of 1 MB', `${head}X-Long: ${'x'.repeat(1_000_000)}\r\n\r\n`, 431, 'headers-too-large'],
    ['10,000 headers', `${head}${'X-Many: 1\r\n'.repeat(10_000)}\r\n`, 431, 'headers-too-large'],
    [
      'a request line of 1 MB',
      `GET /api/v1/tasks?cursor=${'x'.repeat(1_000_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      431,
      'headers-too-large',
    ],
    ['no request line', 'hello\r\n\r\n', 400, 'request-invalid'],
    ['a blank before a colon', `${head}Content-Length : 5\r\n\r\nhello`, 400, 'request-invalid'],
    ['a folded header', `${head}X-Folded: a\r\n b\r\n\r\n`, 400, 'request-invalid'],
    [
      'a length and chunks',
      `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
      'request-invalid',
    ],
    ['two lengths', `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, 400, 'request-invalid'],
    ['a NUL in a header', `${head}X-Nul: a\0b\r\n\r\n`, 400, 'request-invalid'],
    ['TLS', Buffer.from('160301020001000001fc0303', 'hex'), 400, 'request-invalid'],
  ])('as %s is answered once, with a problem document', async (_what, bytes, status, type) => {
    const text = await sendRaw(shared().url, bytes);
    const answer = readAnswer(text);
    expect([answer.status, JSON.parse(answer.body).type]).toEqual([status, problem(type)]);
    expect(answer.headers).toEqual(
      expect.arrayContaining(['Content-Type: application/problem+json', 'Connection: close']),
    );
    expect(text.match(/^HTTP\/1\.1 \d/gm)).toHaveLength(1);
    expect((await shared().call('GET', '/api/v1/tasks')).status).toBe(200);
  });

  test('as one that does not come in time has limits of its own', () => {
    expect(SERVER_LIMITS.headersTimeout).toBeLessThanOrEqual(30_000);
    expect(SERVER_LIMITS.requestTimeout).toBeLessThanOrEqual(60_000);
  });
});

/** Names of headers that would let other sites in. */
const allowing = (headers: Headers) =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'));

describe('scripts of other sites', () => {
  const shared = sharedApi();
  const origin = {
    Origin: 'https://evil.example',
    'Access-Control-Request-Method': 'POST',
    'Access-Control-Request-Headers': 'authorization',
  };

  test.each([...new Set(ROUTES.map(({ path }) => path))])('get no leave to call %s', async (path) => {
    const place = path.replaceAll(/\{\w+\}/g, '1');
    const { status, headers } = await shared().call('OPTIONS', place, { token: null, headers: origin });
    expect([status, allowing(headers), headers.get('vary')]).toEqual([405, [], null]);
  });

  test('are not told either whether a simple call went well', async () => {
    for (const path of ['/openapi.json', '/api/v1/tasks', '/nothing']) {
      const { headers } = await shared().call('GET', path, { headers: origin });
      expect([path, allowing(headers)]).toEqual([path, []]);
    }
  });
});
