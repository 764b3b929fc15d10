import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { MadeManifest } from '@gantry/registry';
import { type LaidRepository, layTree } from '@gantry/tree';
import type { Client } from '../clients/client.ts';
import { openCraneClient } from '../clients/crane.ts';
import { openPodman } from '../clients/podman.ts';
import { openRegctl } from '../clients/regctl.ts';
import { openSkopeo } from '../clients/skopeo.ts';
import { digestIn, everyKind, helloImage } from '../fixtures/build-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import { gantry, writeConfiguration } from '../servers/gantry.ts';
import { startHaproxy } from '../servers/haproxy.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { needs, type Part } from '../servers/parts.ts';
import type { ServerProcess } from '../servers/process.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';

/** Real clients pull by redirects that `gantry export` wrote, from real servers, with no crane anywhere. */

const MIXED = { Latest: helloImage('Latest'), latest: helloImage('latest'), Only: helloImage('only') };
const content = everyKind();
const IMAGES = [
  ['plain/docker', 'latest'],
  ['plain/oci', 'v1.2.3'],
  ['plain/odd-tags', '__proto__'],
  ['multi/list', '1'],
  ['multi/index', '1'],
  ['signed/app', '2.0'],
] as const;
const PULLED = [
  ...IMAGES.map(([name, tag]) => ({ name, tag, digest: digestIn(content, name, tag) })),
  ...Object.entries(MIXED).map(([tag, { digest }]) => ({ name: 'default', tag, digest })),
];
/** A client adds nothing to what a plain request tells of these. */
const SEEN_BY_HTTP_ALONE: ReadonlySet<string> = new Set(['__proto__', 'latest', 'Only']);
const PULLED_BY_CLIENTS = PULLED.filter(({ tag }) => !SEEN_BY_HTTP_ALONE.has(tag));
const CLIENTS: readonly { part: Part; open: () => Promise<Client> }[] = [
  { part: 'skopeo', open: openSkopeo },
  { part: 'podman', open: openPodman },
  { part: 'crane', open: openCraneClient },
  { part: 'regctl', open: openRegctl },
];

/** How the servers are set up: which of them, and where the tree is for `gantry export`. */
const WAYS = [
  { title: 'nginx beside the tree', server: 'nginx', tree: 'folder', manifests: 'auto', sends: true },
  {
    title: 'nginx, the tree at an address',
    server: 'nginx',
    tree: 'address',
    manifests: 'auto',
    sends: false,
  },
  {
    title: 'nginx that only redirects',
    server: 'nginx',
    tree: 'folder',
    manifests: 'redirect',
    sends: false,
  },
  { title: 'HAProxy', server: 'haproxy', tree: 'folder', manifests: 'redirect', sends: false },
] as const;

let folder: TemporaryFolder;
let treeFolder: string;
let mirrors: readonly Nginx[] = [];
let started: ServerProcess[] = [];
const withNginx = needs('nginx').showing(() => started);

withNginx.beforeAll(async () => {
  folder = await temporaryFolder('static-crane');
  treeFolder = path.join(folder.path, 'tree');
  await layTree(treeFolder, { repositories: repositories() });
  mirrors = await Promise.all([0, 1].map(() => startNginx({ root: treeFolder, rules: true })));
  started = [...mirrors];
}, 60_000);
withNginx.afterAll(async () => {
  await Promise.all(mirrors.map((mirror) => mirror[Symbol.asyncDispose]()));
  await folder?.[Symbol.asyncDispose]();
}, 30_000);

describe.each(WAYS)('$title', ({ title, server, tree, manifests, sends }) => {
  const parts: readonly Part[] = server === 'nginx' ? ['nginx'] : ['nginx', 'haproxy'];
  const real = needs(...parts).showing(() => started);
  const at = () => path.join(folder.path, title.replaceAll(/\W+/g, '-'));
  let running: ServerProcess & { readonly url: string };
  const ask = (place: string, init?: RequestInit) =>
    fetch(`${running.url}/v2/${place}`, { redirect: 'manual', ...init });

  real.beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    const crane = {
      listen: `127.0.0.1:${port}`,
      tree: tree === 'folder' ? treeFolder : mirrors[0]?.url,
      manifests,
      mirrors: mirrors.map(({ url }, index) => ({ name: `m${index}`, url, trusted: index === 0 })),
    };
    await writeConfiguration(at(), { crane: { adminListen: '127.0.0.1:0', ...crane } });
    const { code, stderr } = await gantry(at(), ['export', server, '--to', 'edge']);
    if (code !== 0) throw new Error(stderr);
    const current = (file: string) => path.join(at(), 'edge/current', file);
    running =
      server === 'nginx'
        ? await startNginx({ root: at(), http: current('http.conf'), rules: current('server.conf'), port })
        : await startHaproxy([current('haproxy.cfg')], `http://127.0.0.1:${port}`);
    started.push(running);
  }, 60_000);
  real.afterAll(async () => running?.[Symbol.asyncDispose]());

  for (const { part, open } of CLIENTS) {
    const withClient = needs(...parts, part).showing(() => started);
    withClient.test(
      `is pulled from by ${part}, by tag and by digest`,
      async () => {
        await using client = await open();
        for (const { name, tag, digest } of PULLED_BY_CLIENTS)
          for (const reference of [`${name}:${tag}`, `${name}@${digest}`]) {
            const pulled = await client.pull(`${new URL(running.url).host}/${reference}`);
            expect({ reference, digest: pulled.digest }).toEqual({ reference, digest });
          }
      },
      180_000,
    );
  }

  real.test('a tag is what it is, capitals and all, and HEAD says its digest and its type', async () => {
    for (const { name, tag, digest } of PULLED)
      for (const reference of [tag, digest]) {
        const [get, head] = [
          await fetch(`${running.url}/v2/${name}/manifests/${reference}`),
          await fetch(`${running.url}/v2/${name}/manifests/${reference}`, { method: 'HEAD' }),
        ];
        const bytes = await get.arrayBuffer();
        expect([reference, get.status, head.status]).toEqual([reference, 200, 200]);
        for (const header of ['content-type', 'docker-content-digest'])
          expect([header, head.headers.get(header)]).toEqual([header, get.headers.get(header)]);
        expect(head.headers.get('docker-content-digest')).toBe(digest);
        expect(Number(head.headers.get('content-length'))).toBe(bytes.byteLength);
      }
    expect((await ask('default/manifests/only')).status).toBe(404);
    expect((await ask('plain/oci/manifests/V1.2.3')).status).toBe(404);
  });

  real.test('sends or redirects as it should, and a tag to a trusted mirror alone', async () => {
    for (const { name, tag, digest } of PULLED)
      for (const reference of [tag, digest]) {
        const place = `${name}/manifests/${reference}`;
        const answer = await ask(place);
        await answer.body?.cancel();
        expect([reference, answer.status]).toEqual([reference, sends ? 200 : 302]);
        if (sends) continue;
        // Docker's engine does not compare a tag's manifest, which it asks for by digest.
        const docker = await ask(place, { headers: { 'User-Agent': 'docker/28.2.2 go/go1.24' } });
        const isFree = manifests === 'redirect' && reference === digest;
        for (const one of isFree ? [docker] : [answer, docker])
          expect(one.headers.get('location')).toMatch(
            new RegExp(`^${mirrors[0]?.url}/pool/manifests/[a-z-]+/sha256/`),
          );
      }
  });

  real.test('blobs are shared by the mirrors, one always from the same', async () => {
    const hosts = new Map<string, number>();
    for (const repository of repositories())
      for (const made of repository.made) {
        const [one] = made.blobs;
        if (one === undefined) continue;
        const place = `${repository.name}/blobs/${one.digest}`;
        const [first, second] = [await ask(place), await ask(place)];
        expect([place, first.status]).toEqual([place, 302]);
        const location = first.headers.get('location') ?? '';
        expect(second.headers.get('location')).toBe(location);
        expect(location.endsWith(`/pool/blobs/${one.digest.replace(/:(..)/, '/$1/$1')}`)).toBe(true);
        const { origin } = new URL(location);
        hosts.set(origin, (hosts.get(origin) ?? 0) + 1);
      }
    expect([...hosts.keys()].toSorted()).toEqual(mirrors.map(({ url }) => url).toSorted());
  });

  real.test('what is not there, or no request, is refused with the error of the specification', async () => {
    const hex = '0'.repeat(64);
    for (const [place, status, code] of [
      ['nothing/manifests/latest', 404, 'NAME_UNKNOWN'],
      ['nothing/tags/list', 404, 'NAME_UNKNOWN'],
      ['plain/oci/manifests/nothing', 404, 'MANIFEST_UNKNOWN'],
      ['plain/oci/manifests/-not-a-tag', 404, 'MANIFEST_UNKNOWN'],
      [`plain/oci/manifests/sha256:${hex}`, 404, 'MANIFEST_UNKNOWN'],
      ['plain/oci/manifests/sha256:00', 400, 'DIGEST_INVALID'],
      [`plain/oci/blobs/sha256:${hex}`, 404, 'BLOB_UNKNOWN'],
      ['plain/oci/blobs/latest', 400, 'DIGEST_INVALID'],
      // of another repository
      [`plain/oci/manifests/${digestIn(content, 'multi/list', '1')}`, 404, 'MANIFEST_UNKNOWN'],
      ['_catalog', 404, 'UNSUPPORTED'],
    ] as const)
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(place, { method });
        expect([method, place, answer.status]).toEqual([method, place, status]);
        expect(answer.headers.get('content-type')).toBe('application/json');
        const text = await answer.text();
        if (method === 'GET') expect(JSON.parse(text)).toMatchObject({ errors: [{ code }] });
      }
    const put = await ask('plain/oci/manifests/x', { method: 'PUT', body: '{}' });
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await put.json()).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
    const base = await ask('');
    expect([base.status, base.headers.get('docker-distribution-api-version')]).toEqual([200, 'registry/2.0']);
  });

  real.test('what it does not look at: If-None-Match, n, and a page that is not linked', async () => {
    const digest = digestIn(content, 'plain/oci', 'v1.2.3');
    const place = `plain/oci/manifests/${digest}`;
    const again = await ask(place, { headers: { 'If-None-Match': `"${digest}"` } });
    await again.body?.cancel();
    expect(again.status).toBe(sends ? 200 : 302);
    const none = (await (await ask('plain/oci/tags/list?n=0')).json()) as { tags: string[] };
    expect(none.tags).toContain('v1.2.3');
    const after = await ask('plain/oci/tags/list?last=v0');
    await after.body?.cancel();
    expect(after.status).toBe(server === 'nginx' ? 200 : 400);
  });

  real.test('lists tags and referrers', async () => {
    const tags: string[] = [];
    for (let next: string | undefined = 'default/tags/list'; next !== undefined;) {
      const page = await ask(next);
      tags.push(...((await page.json()) as { tags: string[] }).tags);
      next = /<\/v2\/([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
    }
    expect(tags).toEqual(MANY_TAGS);
    const subject = digestIn(content, 'signed/app', '2.0');
    for (const [of, count] of [
      [subject, 1],
      [`sha256:${'0'.repeat(64)}`, 0],
    ] as const) {
      const answer = await ask(`signed/app/referrers/${of}`);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        200,
        'application/vnd.oci.image.index.v1+json',
      ]);
      expect(((await answer.json()) as { manifests: unknown[] }).manifests).toHaveLength(count);
    }
  });
});

withNginx.test(
  'an export is the same each time, replaces the former at once, and never goes back',
  async () => {
    await using place = await temporaryFolder('static-export');
    const tree = path.join(place.path, 'data/tree');
    const lay = (serial: number) =>
      layTree(tree, { serial, publishedMs: 0, repositories: repositories().slice(0, serial) });
    const edge = path.join(place.path, 'edge');
    await writeConfiguration(place.path, {});
    const exported = async () => {
      const { code, stdout, stderr } = await gantry(place.path, [
        'export',
        'nginx',
        '--to',
        'edge',
        '--output',
        'json',
      ]);
      return code === 0 ? (JSON.parse(stdout) as { version: string; changed: boolean }) : { code, stderr };
    };
    await lay(1);
    const first = await exported();
    expect(first).toMatchObject({ changed: true, serial: 1 });
    const files = await readAll(path.join(edge, 'current'));
    expect(await exported()).toMatchObject({ changed: false, serial: 1 });
    await lay(2);
    expect(await exported()).toMatchObject({ changed: true, serial: 2 });
    const versions = (await readdir(edge)).filter((name) => name.startsWith('serial-'));
    expect(versions).toHaveLength(2);
    expect(await readAll(path.join(edge, versions.toSorted()[0] ?? ''))).toEqual(files);
    const current = await readlink(path.join(edge, 'current'));
    await lay(3);
    await exported();
    expect((await readdir(edge)).toSorted()).toEqual(
      ['current', current, await readlink(path.join(edge, 'current'))].toSorted(),
    );
    await using older = await temporaryFolder('static-older');
    await layTree(older.path, { repositories: [] });
    const back = await gantry(place.path, ['export', 'nginx', '--to', 'edge', '--tree', older.path]);
    expect([back.code, back.stderr]).toEqual([1, expect.stringContaining('serial 3 was seen before')]);
  },
);

const MANY_TAGS = [
  ...Object.keys(MIXED),
  ...Array.from({ length: 900 }, (_, number) => `${number}-${'x'.repeat(20)}`),
].toSorted();

/** All that the fixtures hold, and a repository with tags that differ in capitals alone, more than fit into one page. */
function repositories(): (LaidRepository & { readonly made: readonly MadeManifest[] })[] {
  const many = new Map(MANY_TAGS.map((tag) => [tag, MIXED[tag as keyof typeof MIXED] ?? MIXED.Only]));
  return [{ name: 'default', tags: many }, ...content].map(({ name, tags }) => {
    const made = new Map<string, MadeManifest>();
    const add = (one: MadeManifest) => {
      made.set(one.digest, one);
      for (const child of one.children ?? []) add(child);
    };
    for (const one of tags.values()) add(one);
    return {
      name: name.replace(/^candidate\//, ''),
      tags: new Map([...tags].map(([tag, { digest }]) => [tag, digest])),
      manifests: [...made.values()].map(({ bytes, mediaType }) => ({ bytes, mediaType })),
      blobs: [...made.values()].flatMap(({ blobs }) => blobs.map(({ bytes }) => bytes)),
      made: [...made.values()],
    };
  });
}

async function readAll(where: string): Promise<Record<string, string>> {
  const names = await readdir(where, { recursive: true, withFileTypes: true });
  const files = names
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const texts = await Promise.all(
    files.map(async (file) => [path.basename(file), await readFile(file, 'utf8')]),
  );
  return Object.fromEntries(texts) as Record<string, string>;
}
