import { createServer } from 'node:http';
import { Fault } from '@gantry/oci';
import { listen } from './listen.ts';
import { sendProblem } from './problem-response.ts';

/** What a client gets for a request whose handling fails with `error`. */
async function answerTo(error: unknown, init: RequestInit = {}): Promise<Response> {
  const server = createServer((_request, response) => sendProblem(response, error, { instance: '/x' }));
  await using running = await listen(server, { host: '127.0.0.1', port: 0 }, 'api.listen');
  const response = await fetch(running.url, { ...init, headers: { connection: 'close' } });
  return new Response(await response.text(), response);
}

describe('problem documents', () => {
  test('a fault is told with its stable type, its status and its details', async () => {
    const response = await answerTo(new Fault('NAME_UNKNOWN', 'there is no a/b', { repository: 'a/b' }));
    expect(response.status).toBe(404);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toEqual({
      type: 'urn:gantry:problem:name-unknown',
      title: 'No such repository',
      status: 404,
      detail: 'there is no a/b',
      repository: 'a/b',
      instance: '/x',
    });
  });

  test('who has no token is asked for one; who must wait is told how long', async () => {
    const unauthorized = await answerTo(new Fault('UNAUTHORIZED', 'who?'));
    expect(unauthorized.headers.get('www-authenticate')).toBe('Bearer realm="gantry"');
    expect((await answerTo(new Fault('UNAVAILABLE', 'later'))).headers.get('retry-after')).toBe('5');
    const busy = new Fault('TOOMANYREQUESTS', 'slowly', { retryAfterSeconds: 1.5 });
    expect((await answerTo(busy)).headers.get('retry-after')).toBe('2');
  });

  test('what we did not foresee is not told to the caller', async () => {
    const response = await answerTo(new Error('ENOENT: /srv/secret'));
    expect(response.status).toBe(500);
    const body = await response.text();
    expect(body).not.toContain('secret');
    expect(JSON.parse(body)).toMatchObject({ type: 'urn:gantry:problem:internal' });
  });

  test('a HEAD request gets the same headers and no body', async () => {
    const response = await answerTo(new Fault('NAME_UNKNOWN', 'there is no a/b'), { method: 'HEAD' });
    expect(response.status).toBe(404);
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(0);
    expect(await response.text()).toBe('');
  });

  test('an answer that has begun is cut off', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'Content-Length': 10 });
      response.write('abc', () => sendProblem(response, new Error('too late')));
    });
    await using running = await listen(server, { host: '127.0.0.1', port: 0 }, 'api.listen');
    const response = await fetch(running.url);
    await expect(response.text()).rejects.toThrow('terminated');
  });
});
