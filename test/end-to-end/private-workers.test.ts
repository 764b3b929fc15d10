import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { layTree } from '@gantry/tree';
import { SignJWT } from 'jose';
import { helloImage } from '../fixtures/build-registry.ts';
import { laidRepository } from '../fixtures/laid-repository.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { embeddedConfiguration, GANTRY_BIN, writeConfiguration } from '../servers/gantry.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';
import { withoutGantry } from './engines-world.ts';

/** What is private, over the crane's own HTTPS, by one process and by `crane.workers: 2`. */

const CONNECTIONS = 20;
const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
/** `htpasswd -nbB -C 4 alice right` */
const HTPASSWD = 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n';
const web = makeAuthority('Web');
const entitlements = makeAuthority('Entitlements');
const { publicKey, privateKey } = generateKeyPairSync('ed25519');

const basic = (password: string) => `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`;
async function bearer(name: string): Promise<string> {
  const access = [{ type: 'repository', name, actions: ['pull'] }];
  const token = new SignJWT({ access, iss: 'gantry', aud: 'registry' }).setExpirationTime('1 hour');
  return `Bearer ${await token.setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey)}`;
}
const certificate = (content: string) =>
  entitlements.issue('client', [], { extensions: { [CONTENT]: content } });

describe.each([undefined, 2])('crane.workers: %p', (workers) => {
  let folder: TemporaryFolder;
  let crane: ServerProcess;
  let port = 0;
  let admin = '';
  const put = (name: string, text: string | Buffer) =>
    writeFile(path.join(folder.path, name), text, { mode: 0o600 });
  const putServerCertificate = async (name: string) => {
    const { cert, key } = web.issue(name, ['localhost']);
    await put('crane.key', key);
    await put('crane.pem', cert);
  };

  beforeAll(async () => {
    folder = await temporaryFolder('private-workers');
    await layTree(path.join(folder.path, 'data/tree'), {
      repositories: [laidRepository('corp/app', { latest: helloImage('private') })],
    });
    await put('htpasswd', HTPASSWD);
    await put('ca.pem', entitlements.cert);
    await put('tokens.pub', publicKey.export({ type: 'spki', format: 'pem' }));
    await putServerCertificate('first');
    const configuration = await embeddedConfiguration({
      crane: {
        ...(workers !== undefined && { workers }),
        tls: { certFile: './crane.pem', keyFile: './crane.key' },
        manifests: 'serve',
        private: {
          repositories: ['corp/**'],
          readers: [{ users: ['alice'], repositories: ['corp/**'] }],
          htpasswdFile: './htpasswd',
          tokens: {
            realm: 'https://tokens.example.org/token',
            service: 'registry',
            issuer: 'gantry',
            keyFiles: ['./tokens.pub'],
          },
          certificates: { caFile: './ca.pem', path: '/content/{repository}' },
        },
      },
    });
    port = Number(configuration.crane.listen.split(':')[1]);
    admin = `http://${configuration.crane.adminListen}`;
    const file = await writeConfiguration(folder.path, configuration);
    crane = await startProcess({
      name: 'gantry serve crane',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'crane', '--config', file],
      cwd: folder.path,
      env: withoutGantry(),
      ready: async () => (await fetch(`${admin}/readyz`)).ok,
    });
  }, 60_000);
  afterAll(async () => {
    await crane?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  }, 60_000);

  /** What so many connections get, whichever process takes each: the statuses, and the names of the server's certificates. */
  const askOften = async (authorization?: string, holding?: { cert: string; key: string }) => {
    const options = { host: '127.0.0.1', port, ca: web.cert, agent: false, ...holding };
    const headers = authorization === undefined ? {} : { authorization };
    const answers = await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        const request = get({ ...options, headers, path: '/v2/corp/app/manifests/latest' });
        const [response] = (await once(request, 'response')) as [IncomingMessage];
        const { subject } = (response.socket as TLSSocket).getPeerCertificate();
        response.resume();
        return [response.statusCode, String(subject.CN)] as const;
      }),
    );
    return {
      statuses: [...new Set(answers.map(([status]) => status))],
      servers: [...new Set(answers.map(([, server]) => server))],
    };
  };
  const refusals = async () => {
    const text = await (await fetch(`${admin}/metrics`)).text();
    return /^gantry_crane_reload_failures_total\{reason="certificate"[^}]*\} (\d+)$/m.exec(text)?.[1];
  };

  test.each<[string, () => Promise<Parameters<typeof askOften>> | Parameters<typeof askOften>, number]>([
    ['nothing', () => [], 404],
    ['a password', () => [basic('right')], 200],
    ['a wrong password', () => [basic('wrong')], 401],
    ['a token', async () => [await bearer('corp/app')], 200],
    ['a token for another repository', async () => [await bearer('corp/other')], 404],
    ['a certificate', () => [undefined, certificate('/content/corp')], 200],
    ['a certificate for another path', () => [undefined, certificate('/content/other')], 404],
  ])('each connection is answered alike that shows %s', async (_, shown, status) => {
    expect((await askOften(...(await shown()))).statuses).toEqual([status]);
  });

  test('at SIGHUP new connections get the new certificate; one that is broken is told and counted, and the former one stays', async () => {
    expect((await askOften()).servers).toEqual(['first']);
    await putServerCertificate('second');
    process.kill(crane.pid, 'SIGHUP');
    await until('the new certificate', async () => (await askOften()).servers.join() === 'second');
    expect(await refusals()).toBe('0');

    await put('crane.pem', 'broken');
    process.kill(crane.pid, 'SIGHUP');
    // Each process reads it itself.
    await until('the refusals', async () => (await refusals()) === String(workers ?? 1));
    await until('the log', () => crane.log().includes('the certificate can not be used'));
    expect(await askOften(undefined, certificate('/content/corp'))).toEqual({
      statuses: [200],
      servers: ['second'],
    });

    await putServerCertificate('third');
    process.kill(crane.pid, 'SIGHUP');
    await until('the third certificate', async () => (await askOften()).servers.join() === 'third');
  }, 60_000);
});
