import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen, SERVER_LIMITS } from './listen.ts';

const ANYWHERE = { host: '127.0.0.1', port: 0 };

describe('listening', () => {
  test('the system chooses a port for 0, and the address says which', async () => {
    await using running = await listen(
      createServer(SERVER_LIMITS, (_request, response) => response.end('hello')),
      ANYWHERE,
      'api.listen',
    );
    expect(running.address.port).toBeGreaterThan(0);
    const [response] = (await once(get(running.url), 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('hello');
  });

  test('an address in use is told with the key that it comes from', async () => {
    await using first = await listen(createServer(), ANYWHERE, 'crane.listen');
    const shown = `127.0.0.1:${first.address.port}`;
    await expect(listen(createServer(), first.address, 'api.listen')).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: `can not listen on ${shown}: something else listens there; choose another address as api.listen`,
    });
  });

  test('an address of another machine is told as such', async () => {
    await expect(listen(createServer(), { host: '192.0.2.1', port: 0 }, 'api.listen')).rejects.toThrow(
      'can not listen on 192.0.2.1:0: this machine has no such address; choose another address as api.listen',
    );
  });
});

describe('the end', () => {
  test('answers under way are finished, kept connections are closed, new ones are not taken', async () => {
    const arrived = Promise.withResolvers<() => void>();
    const server = createServer((_request, response) => {
      response.write('a');
      arrived.resolve(() => response.end('b'));
    });
    const running = await listen(server, ANYWHERE, 'api.listen');
    const agent = new Agent({ keepAlive: true });
    const request = get(running.url, { agent });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    const finish = await arrived.promise;
    const closed = running.close();
    expect(running.close()).toBe(closed);
    await expect(once(get(running.url, { agent: false }), 'response')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    finish();
    expect(await text(response)).toBe('ab');
    await closed;
    expect(server.listening).toBe(false);
    agent.destroy();
  });

  test('an answer that does not end is cut off at the limit', async () => {
    const server = createServer((_request, response) => response.write('a'));
    const running = await listen(server, ANYWHERE, 'api.listen');
    const [response] = (await once(get(running.url), 'response')) as [IncomingMessage];
    await running.close(1);
    await expect(text(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
