import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { listen } from './listen.ts';
import { selfSigned } from './self-signed.fixture.ts';
import { createTlsServer } from './tls-server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gantry-tls-'));
  for (const name of ['one', 'two']) {
    const { cert, key } = selfSigned(name);
    await writeFile(path.join(folder, `${name}.pem`), cert);
    await writeFile(path.join(folder, `${name}.key`), key);
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const files = (cert: string, key: string) => ({
  certFile: path.join(folder, cert),
  keyFile: path.join(folder, key),
});
const start = (pair: ReturnType<typeof files>) =>
  createTlsServer({}, pair, 'api.tls', (_request, response) => response.end('hello'));

test('who does not go on with the handshake is cut off', async () => {
  const { server } = await start(files('one.pem', 'one.key'));
  await using running = await listen(server, { host: '127.0.0.1', port: 0 }, 'api.listen');
  const socket = connect(running.address.port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  socket.write('\x16\x03\x01');
  // Node alone would wait for two minutes, which is all that a test has.
  expect(await once(socket, 'close')).toBeDefined();
});

/** The answer, and the name of whoever gave it. */
async function ask(url: string): Promise<{ body: string; by: string }> {
  const [response] = (await once(get(url, { rejectUnauthorized: false, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  const { subject } = (response.socket as TLSSocket).getPeerCertificate();
  return { body: await text(response), by: String(subject.CN) };
}

describe('a server with TLS', () => {
  test('answers https, and a certificate that was renewed is taken at a word', async () => {
    await copyFile(path.join(folder, 'one.pem'), path.join(folder, 'now.pem'));
    await copyFile(path.join(folder, 'one.key'), path.join(folder, 'now.key'));
    const tls = await start(files('now.pem', 'now.key'));
    await using running = await listen(tls.server, { host: '127.0.0.1', port: 0 }, 'api.listen');
    expect(running.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await ask(running.url)).toEqual({ body: 'hello', by: 'one' });

    await writeFile(path.join(folder, 'now.pem'), await readFile(path.join(folder, 'two.pem')));
    await expect(tls.reload()).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
    expect((await ask(running.url)).by).toBe('one');

    await writeFile(path.join(folder, 'now.key'), await readFile(path.join(folder, 'two.key')));
    await tls.reload();
    expect((await ask(running.url)).by).toBe('two');
  });

  test.each([
    ['absent.pem', 'one.key', /api\.tls\.certFile: .*absent\.pem can not be read: ENOENT/],
    ['one.pem', 'absent.key', /api\.tls\.keyFile: .*absent\.key can not be read: ENOENT/],
    ['one.pem', 'two.key', /api\.tls: .*one\.pem and .*two\.key are not a certificate and its key in PEM/],
    ['one.key', 'one.key', /api\.tls: .*are not a certificate and its key in PEM/],
  ])('%s with %s is refused with the key of the configuration', async (cert, key, message) => {
    const refused = start(files(cert, key));
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
  });
});
