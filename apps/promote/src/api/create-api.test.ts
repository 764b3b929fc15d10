import { Fault, FAULTS } from '@gantry/oci';
import { openApi, sharedApi } from './api.fixture.ts';
import { sendRaw } from './raw-request.fixture.ts';
import { BODY_MAX_BYTES } from './route.ts';
import { ROUTES } from './route-table.ts';
import { until } from './until.fixture.ts';

const problem = (name: string) => `urn:gantry:problem:${name}`;
const PROMOTIONS = '/api/v1/promotions';

describe('what is not in the table', () => {
  const shared = sharedApi();

  test.each([
    '/',
    '/api',
    '/api/v2/promotions',
    '/api/v1/Promotions',
    '/v2/',
    '/api/v1/images/x',
    '//',
    '/%zz',
  ])('GET %s is 404', async (path) => {
    const response = await fetch(`${shared().url}${path}`);
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({
      type: problem('route-unknown'),
      status: 404,
      instance: path,
    });
  });

  test.each([
    ['PUT', PROMOTIONS, 'GET, HEAD, POST'],
    ['PATCH', `${PROMOTIONS}/x`, 'GET, HEAD, DELETE'],
    ['OPTIONS', '/api/v1/candidates', 'GET, HEAD'],
    ['DELETE', '/api/v1/syncs', 'POST'],
    ['GET', '/api/v1/syncs', 'POST'],
    ['HEAD', '/api/v1/syncs', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ])('%s %s is 405, and says what is allowed', async (method, path, allowed) => {
    const { status, headers, body } = await shared().call(method, path, { token: null });
    expect([status, headers.get('allow')]).toEqual([405, allowed]);
    expect(method === 'HEAD' ? '' : body.type).toBe(method === 'HEAD' ? '' : problem('unsupported'));
  });

  test('a request target that is no path does not break anything', async () => {
    const answer = await sendRaw(shared().url, 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    const absolute = `GET ${shared().url}/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    expect(await sendRaw(shared().url, absolute)).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('who asks', () => {
  const shared = sharedApi();

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer admin',
    'Basic YWRtaW46YWRtaW4=',
    'Bearer admin-token, Bearer admin-token',
    `Bearer ${'x'.repeat(9000)}`,
  ])('is nobody by the header %j', async (authorization) => {
    const { status, headers, body } = await shared().call('GET', '/api/v1/candidates', {
      token: null,
      ...(authorization === undefined ? {} : { headers: { Authorization: authorization } }),
    });
    expect([status, body.type]).toEqual([401, problem('unauthorized')]);
    expect(headers.get('www-authenticate')).toMatch(/^Bearer /);
    expect(body.detail).toContain('Authorization: Bearer');
  });

  test('is turned away before the body is looked at', async () => {
    const wrong = { body: '{', token: null } as const;
    expect((await shared().call('POST', PROMOTIONS, wrong)).status).toBe(401);
    const { status, body } = await shared().call('POST', PROMOTIONS, { ...wrong, token: 'reader' });
    expect([status, body.type, body.scope]).toEqual([403, problem('denied'), 'promote:<to>']);
  });

  test('is told which scope is missing', async () => {
    const { status, body } = await shared().call('POST', PROMOTIONS, {
      token: 'tester',
      body: { to: 'stable', items: [{ repository: 'a', reference: 'b' }] },
    });
    expect([status, body.type, body.scope]).toEqual([403, problem('denied'), 'promote:stable']);
    expect(body.detail).toBe('tester lacks the scope promote:stable: it has promote:testing');
  });
});

describe('a body', () => {
  const shared = sharedApi();
  const good = JSON.stringify({ to: 'testing', items: [{ repository: 'a', reference: 'b' }] });

  test.each([
    ['{', 'the body can not be read'],
    ['{"to":"testing",}', 'the body can not be read'],
    ['nonsense', 'the body can not be read'],
    ['\ufeff{}', 'the body can not be read'],
    ['{"to":"a","to":"b"}', 'stands twice'],
    ['{"__proto__":{"to":"testing"}}', '"__proto__" is not a member'],
    ['{"constructor":1,"to":"testing","items":[]}', '"constructor" is not a member'],
    ['"text"', 'expected object'],
    ['{"to":"testing","items":[]}', 'items is empty'],
    ['{"to":"","items":[{}]}', 'to is empty'],
    [
      `{"to":"testing","plan":"p","reason":"${'r'.repeat(5000)}"}`,
      'reason must have 1000 characters at the most',
    ],
    ['[['.repeat(100_000), 'the body can not be read'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'expected object, received array'],
  ])('of %.40s is refused', async (body, named) => {
    const answer = await shared().call('POST', PROMOTIONS, { body });
    expect([answer.status, answer.body.type]).toEqual([400, problem('request-invalid')]);
    expect(answer.body.detail).toContain(named);
    expect(answer.body.detail.length).toBeLessThan(1000);
  });

  test('of bytes that are not UTF-8 is refused', async () => {
    const response = await fetch(`${shared().url}${PROMOTIONS}`, {
      method: 'POST',
      headers: { Authorization: 'Bearer admin-token', 'Content-Type': 'application/json' },
      body: Buffer.from([0x22, 0xff, 0x22]),
    });
    expect([response.status, await response.json()]).toMatchObject([
      400,
      { detail: expect.stringContaining('not UTF-8') },
    ]);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', 'text/json', ''])(
    'of the type %j is refused, and what would be right is said',
    async (type) => {
      const { status, body } = await shared().call('POST', PROMOTIONS, {
        body: good,
        headers: { 'Content-Type': type },
      });
      expect([status, body.type]).toEqual([400, problem('request-invalid')]);
      expect(body.detail).toContain('Content-Type: application/json');
    },
  );

  test.each(['application/json; charset=utf-8', 'Application/JSON', 'application/merge-patch+json'])(
    'of the type %j is read',
    async (type) => {
      const { status } = await shared().call('POST', PROMOTIONS, {
        body: good,
        headers: { 'Content-Type': type },
      });
      expect(status).toBe(202);
    },
  );

  test('that is compressed is refused', async () => {
    const { status, body } = await shared().call('POST', PROMOTIONS, {
      body: good,
      headers: { 'Content-Encoding': 'gzip' },
    });
    expect([status, body.at]).toEqual([400, 'Content-Encoding']);
  });

  test('that is missing is asked for', async () => {
    const { status, body } = await shared().call('POST', PROMOTIONS);
    expect([status, body.detail]).toEqual([400, 'the body is wrong: there is none']);
  });

  test.each([
    ['just fits', BODY_MAX_BYTES, 202],
    ['is one byte too large', BODY_MAX_BYTES + 1, 413],
    ['is far too large', 20 * BODY_MAX_BYTES, 413],
  ])('that %s is answered rightly, and the next request too', async (_what, sizeBytes, status) => {
    const chunks = async function* () {
      yield Buffer.from(good);
      for (let left = sizeBytes - good.length; left > 0; left -= 65_536)
        yield Buffer.alloc(Math.min(left, 65_536), ' ');
    };
    const response = await fetch(`${shared().url}${PROMOTIONS}`, {
      method: 'POST',
      headers: { Authorization: 'Bearer admin-token', 'Content-Type': 'application/json' },
      body: ReadableStream.from(chunks()),
      duplex: 'half',
    });
    expect(response.status).toBe(status);
    const body = (await response.json()) as { type?: string };
    expect(body.type).toBe(status === 413 ? problem('request-too-large') : undefined);
    expect((await shared().call('GET', PROMOTIONS)).status).toBe(200);
  });

  test('that says by its length that it is too large is not waited for', async () => {
    const answer = await sendRaw(
      shared().url,
      `POST ${PROMOTIONS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer admin-token\r\nContent-Type: application/json\r\nContent-Length: ${100 * BODY_MAX_BYTES}\r\n\r\n{`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe('every answer', () => {
  test.each(['abc', 'a.b:c/d=e+f@g_h-1', 'x'.repeat(128)])(
    'has the request id %.20s that the caller gave',
    async (id) => {
      await using api = await openApi();
      const { headers } = await api.call('GET', '/docs', { headers: { 'X-Request-Id': id } });
      expect(headers.get('x-request-id')).toBe(id);
      expect(api.lines.at(-1)).toMatchObject({ requestId: id });
    },
  );

  test.each(['', 'a b', 'x'.repeat(129), '"quoted"', 'é'])(
    'has a new request id in place of %.20j',
    async (id) => {
      await using api = await openApi();
      const { headers } = await api.call('GET', '/nothing', { headers: { 'X-Request-Id': id } });
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  test('is for the caller alone, and tells nothing of what made it', async () => {
    await using api = await openApi();
    for (const path of [
      '/healthz',
      '/docs',
      '/openapi.json',
      '/metrics',
      '/api/v1/tasks',
      '/api/v1/tasks/x',
      '/nothing',
    ]) {
      const { headers } = await api.call('GET', path, { headers: { Origin: 'https://elsewhere.example' } });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('etag')).toBeNull();
      expect(headers.get('cache-control')).toMatch(/no-cache|no-store/);
      expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
    }
  });

  test('to HEAD is that to GET without its body', async () => {
    await using api = await openApi();
    const required: Readonly<Record<string, string>> = {
      '/api/v1/diff': '?from=testing&to=stable',
      '/api/v1/dead-letters': '?queue=gantry.sync',
    };
    for (const { path } of ROUTES.filter(({ method, path: one }) => method === 'GET' && !one.includes('{'))) {
      if (path === '/metrics' || path === '/api/v1/events') continue; // figures that move, a stream without end
      const place = path + (required[path] ?? '');
      const [get, head] = [await api.call('GET', place), await api.call('HEAD', place)];
      expect([place, head.status, head.body]).toEqual([place, 200, '']);
      expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
    }
  });
});

describe('the log', () => {
  test('has one line a request, with who asked and never the token', async () => {
    await using api = await openApi();
    await api.call('GET', '/api/v1/candidates?repository=secret-name', { token: 'reader' });
    await api.call('GET', '/nothing', { token: null });
    expect(api.lines).toEqual([
      {
        event: 'request',
        method: 'GET',
        path: '/api/v1/candidates',
        status: 200,
        ms: expect.any(Number),
        requestId: expect.any(String),
        caller: 'reader',
      },
      expect.objectContaining({ method: 'GET', path: '/nothing', status: 404 }),
    ]);
    expect(JSON.stringify(api.lines)).not.toMatch(/-token|secret-name/);
  });

  test('tells of health, readiness and figures at debug, and of their failures as of any other', async () => {
    await using api = await openApi();
    const probes = ['/healthz', '/readyz', '/metrics'];
    for (const path of probes) {
      expect((await api.call('GET', path, { token: 'reader' })).status).toBe(200);
      expect((await api.call('HEAD', path, { token: 'reader' })).status).toBe(200);
    }
    expect(api.lines).toEqual([]);
    expect(api.debugLines.map(({ event, method, path, status }) => [event, method, path, status])).toEqual(
      probes.flatMap((path) => [
        ['request', 'GET', path, 200],
        ['request', 'HEAD', path, 200],
      ]),
    );

    api.health.drain();
    await api.call('GET', '/readyz');
    await api.call('GET', '/metrics', { token: null });
    await api.call('POST', '/healthz');
    expect(api.lines.map(({ path, status }) => [path, status])).toEqual([
      ['/readyz', 503],
      ['/metrics', 401],
      ['/healthz', 405],
    ]);
  });

  test('says when a caller did not wait for the answer', async () => {
    await using api = await openApi();
    await api.putCandidate('a', '1');
    const { body } = await api.call('POST', PROMOTIONS, {
      body: { to: 'testing', items: [{ repository: 'a', reference: '1' }] },
    });
    const gone = new AbortController();
    const asked = fetch(`${api.url}${PROMOTIONS}/${body.id}`, {
      headers: { Authorization: 'Bearer admin-token', Prefer: 'wait=60' },
      signal: gone.signal,
    });
    // By the next answer, the server has begun with the one before.
    await api.call('GET', '/healthz');
    gone.abort();
    await expect(asked).rejects.toThrow('aborted');
    await until('a line about it', () => api.lines.some(({ aborted }) => aborted === true));
    expect(api.lines.find(({ aborted }) => aborted === true)).toMatchObject({ method: 'GET' });
  });
});

describe('what goes wrong inside', () => {
  test('is not told to the caller, but logged with the id that the caller has', async () => {
    const broken = {
      identify: () => {
        throw new Error('password: hunter2');
      },
    };
    await using api = await openApi({ authenticator: broken });
    const { status, body, headers } = await api.call('GET', '/api/v1/tasks');
    expect([status, body.type]).toEqual([500, problem('internal')]);
    expect(JSON.stringify(body)).not.toContain('hunter2');
    const line = api.lines.at(-1);
    expect(line).toMatchObject({ status: 500, requestId: headers.get('x-request-id') });
    expect(line?.['err']).toMatchObject({ message: expect.stringContaining('hunter2') });
  });

  test.each(['UNAVAILABLE', 'STORAGE_FULL'] as const)('says when to try again after %s', async (code) => {
    const busy = {
      identify: () => {
        throw new Fault(code, 'the catalog is locked');
      },
    };
    await using api = await openApi({ authenticator: busy });
    const { status, headers, body } = await api.call('DELETE', '/api/v1/tasks/x');
    expect([status, body.detail]).toEqual([FAULTS[code].status, 'the catalog is locked']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
