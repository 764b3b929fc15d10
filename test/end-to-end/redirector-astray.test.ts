import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Digest, digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import { type Certificate, makeAuthority } from '../servers/certificates.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { type Mirrorlist, startMirrorlist } from '../servers/mirrorlist.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** A MirrorManager by https that leads clients where none may be sent: the prober goes both ways first, and rules it out. */

const DAY_MS = 24 * 60 * 60 * 1000;
const NAME = 'registry.example';
const LAYER = Buffer.from('a layer');
const CONFIG = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
    config: described('application/vnd.oci.image.config.v1+json', CONFIG),
    layers: [described('application/vnd.oci.image.layer.v1.tar', LAYER)],
  }),
);

function described(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

let folder: TemporaryFolder;
let mirror: Server;
let list: Mirrorlist;
let crane: Gantry;

const tree = () => path.join(folder.path, 'data/tree');

/** A mirror of the tree by https, which knows no types: good for blobs alone. */
async function startMirror(tls: Certificate): Promise<Server> {
  const server = createServer(tls, (request, response) => {
    const file = createReadStream(path.join(tree(), (request.url ?? '').replace('/pub/', '')));
    file.on('error', () => response.writeHead(404).end()).pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function ask(target: string): Promise<Response> {
  return fetch(`http://${crane.crane}${target}`, { redirect: 'manual' });
}

async function location(digest: Digest = digestOf(LAYER)): Promise<string> {
  const answer = await ask(`/v2/app/blobs/${digest}`);
  return answer.headers.get('location') ?? String(answer.status);
}

async function leftOut(): Promise<string | undefined> {
  const answer = await ask(`/v2/app/blobs/${digestOf(LAYER)}?mirrorlist`);
  return ((await answer.json()) as { mirrors: { leftOut?: string }[] }).mirrors[0]?.leftOut;
}

beforeAll(async () => {
  folder = await temporaryFolder('redirector-astray');
  await layTree(tree(), {
    repositories: [
      { name: 'app', tags: { latest: digestOf(MANIFEST) }, manifests: [MANIFEST], blobs: [CONFIG, LAYER] },
    ],
    publishedMs: Date.now() - 2 * DAY_MS,
  });
  const authority = makeAuthority('an authority');
  const authorityFile = path.join(folder.path, 'authority.pem');
  await writeFile(authorityFile, authority.cert);
  const tls = authority.issue('mirrors');
  mirror = await startMirror(tls);
  list = await startMirrorlist(tree(), 'gantry', tls);
  list.hosts = [[`https://127.0.0.1:${(mirror.address() as AddressInfo).port}/pub`]];
  const fedora = { name: 'fedora', url: list.url, mirrormanager: { path: 'gantry' } };
  const section = { name: NAME, poll: '100ms', manifests: 'redirect', mirrors: [fedora] };
  crane = await startGantry({
    folder: folder.path,
    service: 'crane',
    configuration: await embeddedConfiguration({ crane: section }),
    env: { NODE_EXTRA_CA_CERTS: authorityFile },
  });
  await until('the redirector to be used', async () => (await location()).startsWith(list.url));
}, 60_000);

afterAll(async () => {
  await crane?.[Symbol.asyncDispose]();
  await list?.[Symbol.asyncDispose]();
  mirror?.closeAllConnections();
  mirror?.close();
  await folder?.[Symbol.asyncDispose]();
});

test('one that nobody vouches for gets no manifest, by tag or digest, also where all that can be is redirected', async () => {
  for (const reference of ['latest', digestOf(MANIFEST)])
    expect([reference, (await ask(`/v2/app/manifests/${reference}`)).status]).toEqual([reference, 200]);
});

test.each([
  ['to http', 'http://plain.example/pub', 'it redirects from https to http, at plain.example'],
  ["to the crane's own name", `https://${NAME}/pub`, `the crane's own name ${NAME} or lies below it`],
  ['below it, at another port', `https://m.${NAME}:8443/pub`, `it redirects to m.${NAME}:8443, which is`],
  ['to no web server', 'ftp://ftp.example/pub', 'it redirects to what is no http or https address'],
])(
  'one that leads %s is left out with the reason, until it does so no more',
  async (_, astray, why) => {
    list.astray = astray;
    expect(await until('it to be left out', leftOut)).toContain(why);
    expect(await location()).toBe('503');
    list.astray = undefined;
    await until('it to be used again', async () => (await location()).startsWith(list.url));
  },
  60_000,
);
