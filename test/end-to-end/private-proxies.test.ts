import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import path from 'node:path';
import { startCrane } from '@gantry/app-crane';
import { layTree } from '@gantry/tree';
import { helloImage } from '../fixtures/build-registry.ts';
import { laidRepository } from '../fixtures/laid-repository.ts';
import { shownInDocs } from '../fixtures/shown-in-docs.ts';
import { startApache } from '../servers/apache.ts';
import { type Certificate, makeAuthority } from '../servers/certificates.ts';
import { freePorts } from '../servers/free-port.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import type { ServerProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** Client certificates that nginx and Apache hand on, set up as docs/private.md says. */

const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
const authority = makeAuthority('Entitlements');
const stranger = makeAuthority('Entitlements'); // of the same name, with another key
const web = makeAuthority('Web');
let folder: TemporaryFolder;
const at = (name: string) => path.join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder('private-proxies');
  const { cert, key } = web.issue('127.0.0.1');
  await writeFile(at('ca.pem'), authority.cert);
  await writeFile(at('web.pem'), cert);
  await writeFile(at('web.key'), key, { mode: 0o600 });
  const repository = laidRepository('corp/app', { latest: helloImage('private') });
  await layTree(at('tree'), { repositories: [repository] });
});
afterAll(() => folder?.[Symbol.asyncDispose]());

const issue = (from: typeof authority, content: string) =>
  from.issue('client', [], { extensions: { [CONTENT]: content } });

const PROXIES = [
  {
    part: 'nginx',
    tls: (port: number, shown: string) =>
      `listen 127.0.0.1:${port} ssl;\nssl_certificate ${at('web.pem')};\nssl_certificate_key ${at('web.key')};\n${shown}`,
    start: (rules: string): Promise<ServerProcess> => startNginx({ root: at('tree'), rules }),
  },
  {
    part: 'apache2',
    tls: (port: number, shown: string) =>
      `Listen 127.0.0.1:${port}\n<VirtualHost 127.0.0.1:${port}>\nSSLEngine on\nSSLCertificateFile ${at('web.pem')}\nSSLCertificateKeyFile ${at('web.key')}\n${shown}</VirtualHost>\n`,
    start: (rules: string): Promise<ServerProcess> =>
      startApache(at('tree'), rules, ['socache_shmcb', 'ssl', 'proxy', 'proxy_http']),
  },
] as const;

describe.each(PROXIES)('$part', ({ part, tls, start }) => {
  const opened = new AsyncDisposableStack();
  let server: ServerProcess | undefined;
  let port = 0;
  const real = needs(part).showing(() => (server === undefined ? [] : [server]));

  real.beforeAll(async () => {
    const [cranePort = 0, tlsPort = 0] = await freePorts(2);
    port = tlsPort;
    opened.use(
      await startCrane({
        listen: { host: '127.0.0.1', port: cranePort },
        tree: at('tree'),
        pollMs: 1000,
        status: 302,
        manifests: 'auto',
        mirrors: [],
        private: {
          repositories: ['corp/**'],
          readers: [],
          challenge: [],
          certificates: {
            caFile: at('ca.pem'),
            header: 'x-ssl-client-cert',
            path: '/content/{repository}',
            values: [],
          },
        },
        trustedProxies: ['127.0.0.1'],
        logger: { info() {}, warn() {}, error() {} },
      }),
    );
    const language = part === 'nginx' ? 'nginx' : 'apache';
    const here = { '127.0.0.1:5080': `127.0.0.1:${cranePort}` };
    const shown = await shownInDocs('private.md', language, here);
    await writeFile(at(`${language}.conf`), tls(port, shown));
    server = opened.use(await start(at(`${language}.conf`)));
  }, 60_000);
  real.afterAll(() => opened.disposeAsync(), 60_000);

  const ask = async (holding?: Certificate, headers: Readonly<Record<string, string>> = {}) => {
    const request = get({
      host: '127.0.0.1',
      port,
      path: '/v2/corp/app/manifests/latest',
      ca: web.cert,
      agent: false,
      headers,
      ...holding,
    });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };

  real.test('hands on the certificate that a client has the key of, and no other', async () => {
    const good = issue(authority, '/content/corp');
    expect(await ask(good)).toBe(200);
    expect(await ask(issue(authority, '/content/other'))).toBe(404);
    expect(await ask(issue(stranger, '/content/corp'))).toBe(404);
    expect(await ask()).toBe(404);
    const header = { 'X-SSL-Client-Cert': encodeURIComponent(good.cert) };
    expect(await ask(undefined, header)).toBe(404);
    expect(await ask(issue(authority, '/content/other'), header)).toBe(404);
  });
});
