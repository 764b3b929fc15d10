import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { makeAuthority } from '../servers/certificates.ts';
import { freePort } from '../servers/free-port.ts';
import { gantry, GANTRY_BIN, writeConfiguration } from '../servers/gantry.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { withoutGantry } from './engines-world.ts';

/** The API over HTTPS, and what is said where it is not. */
const authority = makeAuthority('An authority of the tests');
const WARNING = 'without TLS';
let folder: TemporaryFolder;
beforeEach(async () => {
  folder = await temporaryFolder('tls');
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

async function putCertificate(name: string): Promise<void> {
  const { cert, key } = authority.issue(name, ['gantry.example.org']);
  await writeFile(path.join(folder.path, 'api.pem'), cert);
  await writeFile(path.join(folder.path, 'api.key'), key, { mode: 0o600 });
}

async function servePromote(configuration: object): Promise<ServerProcess> {
  const file = await writeConfiguration(folder.path, { ...configuration });
  return startProcess({
    name: 'gantry serve promote',
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', 'promote', '--config', file],
    cwd: folder.path,
    env: withoutGantry(),
    ready: async (log) => log.includes('Ready.'),
    readyWithinMs: 90_000,
  });
}

/** The name in the certificate of whoever answers, and the status. */
async function ask(port: number): Promise<[string, number | undefined]> {
  const url = `https://127.0.0.1:${port}/healthz`;
  const [response] = (await once(get(url, { ca: authority.cert, agent: false }), 'response')) as [
    IncomingMessage,
  ];
  response.resume();
  return [String((response.socket as TLSSocket).getPeerCertificate().subject.CN), response.statusCode];
}

describe('api.tls', () => {
  test('makes the API https; commands on the same machine take just that certificate', async () => {
    await putCertificate('first');
    const port = await freePort();
    const api = { listen: `127.0.0.1:${port}`, tls: { certFile: 'api.pem', keyFile: 'api.key' } };
    await using service = await servePromote({ api });
    expect(await ask(port)).toEqual(['first', 200]);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
    const workers = await gantry(folder.path, ['workers', '--output', 'json']);
    expect([workers.code, workers.stderr]).toEqual([0, '']);
    expect(JSON.parse(workers.stdout)).toMatchObject({ items: [{ service: 'promote', pid: service.pid }] });
    expect(service.log()).not.toContain(WARNING);

    // Another certificate lies there than the server has: it is not the server that is meant.
    await putCertificate('second');
    const refused = await gantry(folder.path, ['workers']);
    expect(refused.code).toBe(75);
    process.kill(service.pid, 'SIGHUP');
    await until('the new certificate', async () => (await ask(port))[0] === 'second');
    expect((await gantry(folder.path, ['workers'])).code).toBe(0);

    await writeFile(path.join(folder.path, 'api.pem'), 'broken');
    process.kill(service.pid, 'SIGHUP');
    await until('the refusal', () => service.log().includes('api.certificate_refused'));
    expect(await ask(port)).toEqual(['second', 200]);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
  }, 60_000);

  test('is missed where others can reach the API, in one line of the log', async () => {
    await using open = await servePromote({ api: { listen: `0.0.0.0:${await freePort()}` } });
    const said = open
      .log()
      .split('\n')
      .filter((line) => line.includes(WARNING));
    expect(said).toHaveLength(1);
    expect(JSON.parse(said[0] ?? '')).toMatchObject({ level: 'warn', msg: 'configuration.warning' });
    await open.stop();
    await using closed = await servePromote({ api: { listen: `127.0.0.1:${await freePort()}` } });
    expect(closed.log()).not.toContain(WARNING);
  }, 60_000);
});
