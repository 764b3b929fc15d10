import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { MANIFEST_KINDS, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { startApache } from '../servers/apache.ts';
import { startCaddy } from '../servers/caddy.ts';
import { startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** The rules of scripts/mirror, in real web servers, on one file of each folder of the tree. */

const HEX = 'ab'.repeat(32);
const LONG_HEX = 'cd'.repeat(64);
const LINK_HEX = 'ef'.repeat(32);
const IMMUTABLE = 'public, max-age=31536000, immutable';
const BODY = '{"padding":"so long that a server which compresses would compress it"}'.repeat(40);

const files: readonly { path: string; type: string; digest?: string }[] = [
  ...MANIFEST_KINDS.map((kind) => ({
    path: `pool/manifests/${kind}/sha256/ab/${HEX}`,
    type: MANIFEST_MEDIA_TYPES[kind],
    digest: `sha256:${HEX}`,
  })),
  {
    path: `pool/manifests/oci-index/sha512/cd/${LONG_HEX}`,
    type: MANIFEST_MEDIA_TYPES['oci-index'],
    digest: `sha512:${LONG_HEX}`,
  },
  { path: `pool/blobs/sha256/ab/${HEX}`, type: 'application/octet-stream', digest: `sha256:${HEX}` },
  { path: `pool/index/sha256/ab/${HEX}.json`, type: 'application/json' },
  { path: 'lists/000000000042.txt', type: 'text/plain; charset=utf-8' },
  { path: 'lists/full-000000000042.txt', type: 'text/plain; charset=utf-8' },
  { path: 'serial/000000000042.json', type: 'application/json' },
];

interface WebServer extends AsyncDisposable {
  readonly url: string;
}
const servers = [
  ['nginx', (root: string): Promise<WebServer> => startNginx({ root, rules: true }), { links: true }],
  ['apache2', (root: string): Promise<WebServer> => startApache(root), { links: false }],
  ['caddy', (root: string): Promise<WebServer> => startCaddy(root), { links: true }],
] as const;

describe.each(servers)('%s', (part, start, { links }) => {
  const real = needs(part);
  let folder: TemporaryFolder;
  let server: WebServer;

  real.beforeAll(async () => {
    folder = await temporaryFolder('mirror');
    await chmod(folder.path, 0o755); // web servers that root starts read as somebody else
    const names = [
      ...files.map((file) => file.path),
      'serial/current.json',
      'notes/000000000042.json',
      'pool/manifests/oci-index/x',
      '.tmp/mirror/stage/serial/000000000042.json',
    ];
    for (const name of [...names, ...names.map((below) => `deep/er/${below}`)]) {
      await mkdir(path.dirname(path.join(folder.path, name)), { recursive: true });
      await writeFile(path.join(folder.path, name), BODY);
    }
    await mkdir(path.join(folder.path, 'pool/blobs/sha256/ef'));
    await symlink('/etc/hostname', path.join(folder.path, `pool/blobs/sha256/ef/${LINK_HEX}`));
    server = await start(folder.path);
  });

  real.afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const get = (name: string, init?: RequestInit) => fetch(`${server.url}/${name}`, init);

  for (const file of files) {
    real.test(
      `${file.path.replaceAll(/[a-f0-9]{64,}/g, '<hex>')} is served as ${file.type}, immutable and uncompressed`,
      async () => {
        for (const name of [file.path, `deep/er/${file.path}`]) {
          const response = await get(name, { headers: { 'Accept-Encoding': 'gzip' } });
          expect(response.status).toBe(200);
          expect(response.headers.get('content-type')).toBe(file.type);
          expect(response.headers.get('cache-control')).toBe(IMMUTABLE);
          expect(response.headers.get('content-encoding')).toBeNull();
          expect(response.headers.get('content-length')).toBe(String(BODY.length));
          expect(response.headers.get('docker-content-digest')).toBe(file.digest ?? null);
          expect(await response.text()).toBe(BODY);
        }
      },
    );
  }

  real.test('serial/current.json is asked for anew each time', async () => {
    const response = await get('serial/current.json');
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    const etag = response.headers.get('etag') as string;
    await response.body?.cancel();
    expect((await get('serial/current.json', { headers: { 'If-None-Match': etag } })).status).toBe(304);
  });

  real.test('ranges are served, so that a client can go on where a transfer broke off', async () => {
    const response = await get(`pool/blobs/sha256/ab/${HEX}`, { headers: { Range: 'bytes=5-9' } });
    expect(response.status).toBe(206);
    expect(await response.text()).toBe(BODY.slice(5, 10));
  });

  real.test('what is not there is 404 and nobody is told to keep that', async () => {
    const response = await get(`pool/blobs/sha256/ff/${'f'.repeat(64)}`);
    expect(response.status).toBe(404);
    expect(response.headers.get('cache-control')).toBeNull();
    expect(response.headers.get('docker-content-digest')).toBeNull();
  });

  real.test('folders are not listed, and what is not in place yet is not served', async () => {
    for (const name of ['pool/', 'pool/blobs/sha256/ab/', 'serial/']) {
      expect([403, 404]).toContain((await get(name)).status);
    }
    for (const above of ['', 'deep/er/']) {
      expect((await get(`${above}.tmp/mirror/stage/serial/000000000042.json`)).status).toBe(404);
    }
  });

  if (!links) {
    real.test('a symbolic link is not followed', async () => {
      expect((await get(`pool/blobs/sha256/ef/${LINK_HEX}`)).status).toBe(403);
    });
  }

  real.test('other content of the same server is left as it is', async () => {
    for (const name of ['notes/000000000042.json', 'pool/manifests/oci-index/x']) {
      expect((await get(name)).headers.get('cache-control')).toBeNull();
    }
  });
});
