import { generateKeyPairSync } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { type Crane, startCrane } from '@gantry/app-crane';
import { digestOf } from '@gantry/oci';
import type { PrivateConfiguration } from '@gantry/service';
import { layTree } from '@gantry/tree';
import { helloImage } from '../fixtures/build-registry.ts';
import { laidRepository } from '../fixtures/laid-repository.ts';
import { makeAuthority } from '../servers/certificates.ts';
import { freePort } from '../servers/free-port.ts';
import { GANTRY_BIN } from '../servers/gantry.ts';
import { NJS, type Nginx, SHIPPED_RULES, startNginx } from '../servers/nginx.ts';
import { startProcess } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';

const SIGNED = fileURLToPath(new URL('../../scripts/mirror/', import.meta.url));
const SECRET = 'a secret of the tests, long enough';
const CONTENT = '1.3.6.1.4.1.2312.9.2.4711.1.6';
/** `htpasswd -nbB -C 4 alice right` */
const HTPASSWD = 'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n';

/** What can be pulled: `corp/app` is private. */
export const REPOSITORIES = ['corp/app', 'open/app'] as const;
export const IMAGE = helloImage('private');
/** A host's name for servers that listen on all addresses; their certificate has it. */
export const HOST = 'registry.test';

/** A tree, a mirror of it that checks signed URLs, and the promote service, which makes tokens. */
export interface PrivateScene extends AsyncDisposable {
  readonly mirror: Nginx;
  /** What makes tokens, as a crane is told of it. */
  readonly tokens: NonNullable<PrivateConfiguration['tokens']>;
  /** Whom the crane believes client certificates of. */
  readonly certificates: NonNullable<PrivateConfiguration['certificates']>;
  /** The authority of the crane's own certificate: a file. */
  readonly webAuthority: string;
  /** Starts a crane. Alice has the password `right`. */
  start(changed: Partial<PrivateConfiguration>, isSecure?: boolean): Promise<Crane>;
  /**
   * A folder with `client.cert`, `client.key` and `ca.crt`, as container clients look for them.
   * @param content the path that the certificate opens
   */
  certificate(content: string, years?: readonly [string, string]): Promise<string>;
}

/** Needs nginx and njs. */
export async function openPrivateScene(): Promise<PrivateScene> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder('private-pulls'));
  const at = (name: string) => path.join(folder.path, name);
  const authority = makeAuthority('Entitlements');
  const web = makeAuthority('Web');
  await layTree(at('tree'), {
    repositories: REPOSITORIES.map((name) => laidRepository(name, { latest: IMAGE })),
  });
  const server = web.issue('127.0.0.1', ['localhost', HOST]);
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const files = {
    htpasswd: HTPASSWD,
    'url-secret': SECRET,
    'tokens.key': privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'tokens.pub': publicKey.export({ type: 'spki', format: 'pem' }),
    'ca.pem': authority.cert,
    'web-ca.pem': web.cert,
    'server.pem': server.cert,
    'server.key': server.key,
    'http.conf': `js_import gantry_signed from ${SIGNED}gantry-signed.js;\njs_set $gantry_is_allowed gantry_signed.isAllowed;\n`,
    'rules.conf': `set $gantry_url_secret "${SECRET}"; set $gantry_url_secret_before "";\ninclude ${SIGNED}nginx-signed.conf;\ninclude ${SHIPPED_RULES};\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(at(name), text, { mode: 0o600 });
  const mirror = stack.use(
    await startNginx({
      root: at('tree'),
      rules: at('rules.conf'),
      http: at('http.conf'),
      modules: [NJS],
      certificate: { cert: at('server.pem'), key: at('server.key') },
    }),
  );
  const guarded = {
    repositories: ['corp/**'],
    readers: [{ users: ['alice', 'ci'], groups: [], repositories: ['corp/**'] }],
    htpasswdFile: at('htpasswd'),
  };
  // The crane's probes believe in the mirror's certificate; it runs in this process.
  const known = getCACertificates('default');
  setDefaultCACertificates([...known, web.cert]);
  stack.defer(() => setDefaultCACertificates(known));
  const realm = `http://127.0.0.1:${await freePort()}/token`;
  const promote = {
    tree: { filesystem: { root: at('other-tree') } },
    api: {
      listen: new URL(realm).host,
      tokens: [{ name: 'ci', token: 'a-token-of-ci', scopes: ['read'] }],
      pullTokens: { service: 'registry', issuer: 'gantry', keyFile: at('tokens.key') },
    },
    crane: { private: guarded },
  };
  await writeFile(at('promote.yaml'), JSON.stringify(promote));
  stack.use(
    await startProcess({
      name: 'gantry serve promote',
      command: process.execPath,
      args: [GANTRY_BIN, 'serve', 'promote', '--config', at('promote.yaml')],
      cwd: folder.path,
      ready: async () => (await fetch(realm)).status === 200,
    }),
  );

  const resources = stack.move();
  return {
    mirror,
    tokens: {
      realm,
      service: 'registry',
      issuer: 'gantry',
      keyFiles: [at('tokens.pub')],
      clockToleranceMs: 30_000,
    },
    certificates: { caFile: at('ca.pem'), path: '/content/{repository}', values: [] },
    webAuthority: at('web-ca.pem'),
    start: (changed, isSecure = false) =>
      startCrane({
        listen: { host: isSecure ? '0.0.0.0' : '127.0.0.1', port: 0 },
        tree: at('tree'),
        pollMs: 1000,
        status: 302,
        manifests: 'auto',
        mirrors: [{ name: 'closed', url: urlOf(mirror, isSecure), signed: true, trusted: true }],
        signedUrls: { secretFile: at('url-secret'), ttlMs: 60_000 },
        private: { ...guarded, challenge: ['base'], ...changed },
        ...(isSecure && { tls: { certFile: at('server.pem'), keyFile: at('server.key') } }),
        logger: { info() {}, warn() {}, error() {} },
      }),
    async certificate(content, years) {
      const extensions = { [CONTENT]: content };
      const { cert, key } = authority.issue('client', [], { extensions, ...(years && { years }) });
      const to = at(digestOf(Buffer.from(cert)).replace(':', '-'));
      await mkdir(to);
      await writeFile(path.join(to, 'ca.crt'), web.cert);
      await writeFile(path.join(to, 'client.cert'), cert);
      await writeFile(path.join(to, 'client.key'), key, { mode: 0o600 });
      return to;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

/** Who comes to the crane by https is not sent on to http. */
function urlOf({ url, secureUrl }: Nginx, isSecure: boolean): string {
  if (!isSecure) return url;
  if (secureUrl === undefined) throw new Error('the mirror has no certificate');
  return secureUrl;
}
