import { generateKeyPairSync } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import {
  blobPath,
  directoryTree,
  indexPath,
  layTree,
  manifestPath,
  openTree,
  POINTER_PATH,
  readSigningKey,
  shardOf,
} from '@gantry/tree';
import { openCraneClient } from '../clients/crane.ts';
import { helloImage } from '../fixtures/build-registry.ts';
import { embeddedConfiguration, type Gantry, gantry, startGantry } from '../servers/gantry.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { needs } from '../servers/parts.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** A mirror on which somebody has changed a file: `gantry verify` names it, and the crane and clients refuse it. */

const real = needs('nginx').showing(() => (server === undefined ? [] : [server]));
const withClient = needs('nginx', 'crane').showing(() => (server === undefined ? [] : [server]));

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = readSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }), 'of the test');
const PUBLIC_PEM = publicKey.export({ type: 'spki', format: 'pem' });

const image = helloImage('tampered');
const { bytes: manifest } = image;
const layer = image.blobs.at(-1)?.bytes ?? manifest;
const MANIFEST = manifestPath('oci-manifest', digestOf(manifest));
const LAYER = blobPath(digestOf(layer));

let folder: TemporaryFolder;
let server: Nginx;
const at = (name: string) => path.join(folder.path, name);

real.beforeAll(async () => {
  folder = await temporaryFolder('tampered-mirror');
  const tags = { latest: digestOf(manifest) };
  const repository = {
    name: 'app',
    tags,
    manifests: [manifest],
    blobs: image.blobs.map(({ bytes }) => bytes),
  };
  await layTree(at('master'), { repositories: [repository], signing: [key] });
  await writeFile(at('release.pub'), PUBLIC_PEM);
  await cp(at('master'), at('mirror'), { recursive: true });
  server = await startNginx({ root: at('mirror'), rules: true });
}, 30_000);
real.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  if (folder === undefined) return;
  await rm(at('mirror'), { recursive: true });
  await cp(at('master'), at('mirror'), { recursive: true });
});

/** Changes some bytes of a file of the mirror. */
async function tamper(file: string, change: (text: string) => string): Promise<void> {
  const place = path.join(at('mirror'), file);
  const text = await readFile(place, 'latin1');
  await rm(place);
  await writeFile(place, change(text), 'latin1');
  expect(change(text)).not.toBe(text);
}

/** The last digit or letter before the end is another. */
const flipped = (text: string) =>
  text.replace(/[0-9a-z](?=[^0-9a-z]*$)/, (last) => (last === '1' ? '2' : '1'));

interface Verified {
  readonly errors: number;
  readonly findings: readonly { kind: string; path?: string }[];
}

async function verify(...options: string[]): Promise<{ code: number | null; found: Verified }> {
  const words = ['verify', server.url, '--key', 'release.pub', '--deep', '--output', 'json', ...options];
  const { code, stdout } = await gantry(folder.path, words);
  return { code, found: JSON.parse(stdout) as Verified };
}

/** A crane, started as it is configured. */
async function startCrane(name: string, crane: object): Promise<Gantry> {
  const { crane: section } = await embeddedConfiguration({
    crane: { trustedKeys: [PUBLIC_PEM], poll: '1s', ...crane },
  });
  return startGantry({ folder: at(name), configuration: { crane: section }, service: 'crane' });
}

const get = (crane: Gantry, place: string) =>
  fetch(`http://${crane.crane}/v2/app/${place}`, { redirect: 'manual' });

real.test(
  'a mirror that nobody has touched is right, and served from',
  async () => {
    expect(await verify('--against', at('master'), '--strict')).toMatchObject({
      code: 0,
      found: { errors: 0 },
    });
    await using crane = await startCrane('crane-right', { tree: server.url });
    const answer = await until('the crane to serve', async () => {
      const response = await get(crane, 'manifests/latest');
      return response.status === 200 ? response : undefined;
    });
    expect(digestOf(Buffer.from(await answer.arrayBuffer()))).toBe(digestOf(manifest));
  },
  60_000,
);

async function documents(): Promise<{ shard: string; repository: string }> {
  const view = await openTree(directoryTree(at('master')));
  const shard = view?.shards.get(shardOf('app'));
  const repository = await view?.repositoryDigest('app');
  if (shard === undefined || repository === undefined) throw new Error('there is a tree');
  return { shard: indexPath(shard), repository: indexPath(repository) };
}

const CASES: [string, () => Promise<string>, (text: string) => string, kind: string, place: string][] = [
  [
    'serial/current.json',
    () => Promise.resolve(POINTER_PATH),
    (text) => text.replace('"expires":"20', '"expires":"21'),
    'wrong-signature',
    'manifests/latest',
  ],
  ['a shard', async () => (await documents()).shard, flipped, 'corrupt', 'manifests/latest'],
  [
    'the document of a repository',
    async () => (await documents()).repository,
    flipped,
    'corrupt',
    'manifests/latest',
  ],
  ['a manifest', () => Promise.resolve(MANIFEST), flipped, 'corrupt', `manifests/${digestOf(manifest)}`],
];

for (const [what, find, change, kind, place] of CASES) {
  real.test(
    `tampered: ${what} is named by verify, and refused by a crane that reads its tree there`,
    async () => {
      const file = await find();
      await tamper(file, change);
      const { code, found } = await verify();
      expect(code).toBe(1);
      expect(found.findings).toContainEqual(expect.objectContaining({ kind, path: file, severity: 'error' }));
      await using crane = await startCrane(`crane-${kind}-${path.basename(file)}`, { tree: server.url });
      const response = await until('the crane to have said what is wrong', async () => {
        const answer = await get(crane, place);
        return crane.log().includes(file) || /is refused: the signature/.test(crane.log())
          ? answer
          : undefined;
      });
      expect([404, 503]).toContain(response.status);
    },
    60_000,
  );
}

real.test(
  'tampered: a blob of another length is named by verify, and no crane sends anybody there',
  async () => {
    await tamper(LAYER, (text) => text.slice(1));
    const { code, found } = await verify();
    expect(code).toBe(1);
    expect(found.findings).toMatchObject([{ kind: 'wrong-size', path: LAYER }]);
    const mirrors = [{ name: 'mirror', url: server.url }];
    await using crane = await startCrane('crane-length', { tree: at('master'), mirrors });
    await until('the crane to have refused the mirror', () => Promise.resolve(crane.log().includes(LAYER)));
    expect((await get(crane, `blobs/${digestOf(layer)}`)).status).toBe(503);
  },
  60_000,
);

withClient.test(
  'tampered: a blob of the same length is named by verify, and refused by clients that were sent there',
  async () => {
    await tamper(LAYER, flipped);
    const { code, found } = await verify();
    expect(code).toBe(1);
    expect(found.findings).toMatchObject([{ kind: 'corrupt', path: LAYER }]);
    const mirrors = [{ name: 'mirror', url: server.url, trusted: true }];
    await using crane = await startCrane('crane-bytes', { tree: at('master'), mirrors });
    await using client = await openCraneClient();
    const reference = `${crane.crane}/app@${digestOf(manifest)}`;
    await expect(client.pull(reference)).rejects.toThrow(/crane validate/);
    await cp(path.join(at('master'), LAYER), path.join(at('mirror'), LAYER), { force: true });
    expect(await client.pull(reference)).toEqual({ digest: digestOf(manifest) });
  },
  60_000,
);
