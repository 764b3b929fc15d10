import { Fault } from '@gantry/oci';
import { type ApiAnswer, type ApiServer, startApiServer } from '../api-server.fixture.ts';
import { type ApiClient, createApiClient } from './client.ts';

const { signal } = new AbortController();
let answer: () => ApiAnswer | 'hang up';
let server: ApiServer;
let client: ApiClient;
beforeEach(async () => {
  server = await startApiServer({ 'GET /api/v1/x': () => answer(), 'POST /api/v1/x': () => answer() });
  client = createApiClient({ url: server.url, token: 's3cret', env: { http_proxy: 'http://127.0.0.1:1' } });
});
afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const get = () => client.get('/api/v1/x', {}, signal);

describe('a call', () => {
  test('carries the token, the query, the body and what else is given', async () => {
    answer = () => ({ body: { ok: true } });
    expect(await client.get('/api/v1/x', { a: 'b c', d: undefined }, signal)).toEqual({ ok: true });
    expect(await client.post('/api/v1/x', { e: 1 }, signal, { 'idempotency-key': 'k' })).toEqual({
      ok: true,
    });
    const [first, second] = server.requests;
    expect(first).toMatchObject({ query: { a: 'b c' }, headers: { authorization: 'Bearer s3cret' } });
    expect(second).toMatchObject({
      body: { e: 1 },
      headers: { 'idempotency-key': 'k', 'content-type': 'application/json' },
    });
  });

  test('that fails throws the fault of the problem document, with its details', async () => {
    answer = () => {
      throw new Fault('GATE_REFUSED', 'no SBOM', { repository: 'a/b' });
    };
    await expect(get()).rejects.toMatchObject({
      code: 'GATE_REFUSED',
      message: 'no SBOM',
      details: { repository: 'a/b' },
    });
  });

  test('without a known token says where one is', async () => {
    answer = () => {
      throw new Fault('UNAUTHORIZED', 'who?');
    };
    await expect(get()).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('data/admin-token') as string,
    });
  });

  test.each([
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [429, 'TOOMANYREQUESTS'],
    [404, 'ROUTE_UNKNOWN'],
    [418, 'ROUTE_UNKNOWN'],
    [302, 'ROUTE_UNKNOWN'],
    [500, 'INTERNAL'],
  ])('that a proxy answers with %d is told as %s', async (status, code) => {
    answer = () => ({ status, body: '<html>', contentType: 'text/html' });
    await expect(get()).rejects.toMatchObject({
      code,
      message: `${server.url} answered with status ${status}`,
    });
  });

  test('that another server answers is told as such', async () => {
    answer = () => ({ body: '<html>', contentType: 'text/html' });
    await expect(get()).rejects.toMatchObject({
      code: 'ROUTE_UNKNOWN',
      message: expect.stringContaining('does not answer as a Gantry server does') as string,
    });
  });

  test('that is cut off is to be tried again', async () => {
    answer = () => 'hang up';
    await expect(get()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });

  test('that is aborted throws no fault', async () => {
    await expect(client.get('/api/v1/x', {}, AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

const read = () => Array.fromAsync(client.events('/api/v1/x', signal));

describe('a stream of events', () => {
  test('is read to its end', async () => {
    answer = () => ({ events: [{ a: 1 }, { a: 2 }] });
    expect(await read()).toEqual([{ a: 1 }, { a: 2 }]);
    expect(server.requests[0]?.headers.accept).toBe('text/event-stream');
  });

  test('that is refused throws the fault of the problem document', async () => {
    answer = () => {
      throw new Fault('PROMOTION_UNKNOWN', 'no such promotion');
    };
    await expect(read()).rejects.toMatchObject({ code: 'PROMOTION_UNKNOWN', message: 'no such promotion' });
  });

  test('that is cut off is to be tried again', async () => {
    answer = () => 'hang up';
    await expect(read()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });
});

test('bytes are sent as they are, and an empty answer is null', async () => {
  answer = () => ({ status: 204, body: undefined });
  const bytes = new TextEncoder().encode('{"a": 1}');
  expect(await client.upload('/api/v1/x', { digest: 'd' }, bytes, signal)).toBeNull();
  expect(server.requests[0]).toMatchObject({ query: { digest: 'd' }, body: { a: 1 } });
});

describe('a list', () => {
  test('is read page by page', async () => {
    const pages = [
      { items: [1, 2], next: 'c1' },
      { items: [], next: 'c2' },
      { items: [3], next: null },
    ];
    answer = () => ({ body: pages.shift() });
    expect(await Array.fromAsync(client.list<number>('/api/v1/x', { repository: 'a' }, signal))).toEqual([
      1, 2, 3,
    ]);
    expect(server.requests.map(({ query }) => query)).toEqual([
      { limit: '1000', repository: 'a' },
      { limit: '1000', repository: 'a', cursor: 'c1' },
      { limit: '1000', repository: 'a', cursor: 'c2' },
    ]);
  });

  test('that is none is told as such', async () => {
    answer = () => ({ body: { hello: 1 } });
    await expect(Array.fromAsync(client.list('/api/v1/x', {}, signal))).rejects.toThrow(
      'something else than a list',
    );
  });
});
