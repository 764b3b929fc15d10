import { randomBytes } from 'node:crypto';
import { get, type ServerResponse } from 'node:http';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { blobPath, indexPath, layTree, manifestPath } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startServer,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from '../crane.fixture.ts';
import { cp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

type Crane = Awaited<ReturnType<typeof startTestCrane>>;

const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';

async function load(crane: Crane, target: string, init?: RequestInit) {
  const response = await ask(crane, target, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, words: wordsOf(text) };
}

/** What a page says, its markup taken out. */
function wordsOf(page: string): string {
  return page
    .replace(/<style>[^]*?<\/style>/, '')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll(/\s+/g, ' ');
}

function manifestOf(members: object): Uint8Array {
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'], ...members }),
  );
}

function descriptor(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** An image whose config says its platform. */
function platformImage(architecture: string, layerBytes: number, annotations?: object) {
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture, rootfs: {} }));
  const layer = randomBytes(layerBytes);
  const manifest = manifestOf({
    config: descriptor(IMAGE_CONFIG, config),
    layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
    ...(annotations !== undefined && { annotations }),
  });
  return { manifest, digest: digestOf(manifest), blobs: [config, layer], architecture };
}

function indexOf(images: readonly ReturnType<typeof platformImage>[], annotations: object = {}) {
  const children = images.map(({ manifest, digest, architecture }) => ({
    mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
    digest,
    size: manifest.length,
    platform: { os: architecture === 'unknown' ? 'unknown' : 'linux', architecture },
  }));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      manifests: children,
      annotations,
    }),
  );
  return { manifest, digest: digestOf(manifest) };
}

test('there is no page unless it is asked for', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [repositoryOf('secret', { latest: sampleImage() })] });
  await using crane = await startTestCrane({ tree: folder.path });
  const { status, text } = await load(crane, '/');
  expect([status, text]).toEqual([404, expect.stringContaining('UNSUPPORTED')]);
});

test('the front page has all names in their order, page by page, and finds those that hold a text', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  const names = Array.from({ length: 130 }, (_, index) => `team${index % 3}/app-${1000 + index}`).toSorted();
  await layTree(folder.path, { repositories: names.map((name) => repositoryOf(name, { latest: image })) });
  await using crane = await startTestCrane({ tree: folder.path, page: true });

  const first = await load(crane, '/');
  expect(first.status).toBe(200);
  expect(first.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(first.words).toContain('130 repositories. Serial 1, published ');
  const seen: string[] = [];
  for (let target: string | undefined = '/'; target !== undefined;) {
    const { text } = await load(crane, target);
    seen.push(
      ...[...text.matchAll(/href="\/\?repository=([^"]+)"/g)].map(([, name = '']) =>
        decodeURIComponent(name),
      ),
    );
    target = /rel="next" href="([^"]+)"/.exec(text)?.[1]?.replaceAll('&amp;', '&');
  }
  expect(seen).toEqual(names);

  const found = await load(crane, '/?q=TEAM1%2Fapp-101');
  expect(
    [...found.text.matchAll(/href="\/\?repository=([^"]+)"/g)].map(([, name = '']) =>
      decodeURIComponent(name),
    ),
  ).toEqual(names.filter((name) => name.includes('team1/app-101')));
  expect(found.text).toContain('value="team1/app-101"');
  expect((await load(crane, '/?q=nowhere')).words).toContain('No name holds “nowhere”');
  expect((await load(crane, '/?q=app&last=z')).words).toContain('No name that follows holds “app”');
  expect((await load(crane, '/?last=z')).words).toContain('There are no more');

  await layTree(folder.path, { repositories: [repositoryOf('new', { latest: image })] });
  await crane.refresh();
  const { words } = await load(crane, '/');
  expect(words).toContain('One repository. Serial 2');
});

test("a repository's page has tags, digests, platforms, sizes and commands", async () => {
  await using folder = await temporaryFolder();
  const [amd64, arm64, unknown, absent] = [
    platformImage('amd64', 51_000),
    platformImage('arm64', 1_234_000),
    platformImage('unknown', 10),
    platformImage('s390x', 10),
  ];
  const index = indexOf([amd64, arm64, unknown, absent], {
    'org.opencontainers.image.description': 'Serves <b>pages</b>',
  });
  const chart = manifestOf({
    config: {
      mediaType: 'application/vnd.cncf.helm.config.v1+json',
      digest: digestOf(amd64.manifest),
      size: 2,
    },
    layers: [{ mediaType: 'application/x-tar', digest: digestOf(amd64.manifest), size: 3000 }],
  });
  const signature = sampleImage({
    subject: { ...sampleImage(), manifest: index.manifest, digest: index.digest },
  });
  await layTree(folder.path, {
    repositories: [
      {
        name: 'team/app',
        tags: {
          latest: index.digest,
          '1.10': amd64.digest,
          '1.9': amd64.digest,
          chart: digestOf(chart),
          [`sha256-${'a'.repeat(64)}.sig`]: amd64.digest,
        },
        manifests: [
          amd64.manifest,
          arm64.manifest,
          unknown.manifest,
          index.manifest,
          chart,
          signature.manifest,
        ],
        blobs: [amd64, arm64, unknown].flatMap(({ blobs }) => blobs),
      },
    ],
  });
  await using crane = await startTestCrane({ tree: folder.path, page: true, name: 'registry.example.org' });
  const { status, text, words } = await load(crane, '/?repository=team%2Fapp');
  expect(status).toBe(200);
  expect([...text.matchAll(/readonly value="([^"]*)"/g)].map(([, value]) => value)).toEqual([
    'docker pull registry.example.org/team/app:latest',
    'docker pull registry.example.org/team/app:1.10',
    'docker pull registry.example.org/team/app:1.9',
    'registry.example.org/team/app:chart',
  ]);
  expect(words).toContain('4 tags');
  expect(text).toContain('Serves &lt;b&gt;pages&lt;/b&gt;');
  expect(words).toContain(
    `Digest ${index.digest} Platforms linux/amd64 51.0 kB linux/arm64 1.2 MB Referrers`,
  );
  expect(text).toContain(`href="/v2/team/app/referrers/${index.digest}"`);
  expect(words).toContain(`Digest ${amd64.digest} Platforms linux/amd64 51.0 kB`);
  expect(words).toContain('Artifact application/vnd.cncf.helm.config.v1+json Size 3.0 kB');
  expect(words).not.toContain('s390x');
  expect(words).not.toContain('unknown');

  expect((await load(crane, '/?repository=team%2Fother')).status).toBe(404);
  expect((await load(crane, '/?repository=<script>')).text).toContain('“&lt;script&gt;”');
});

test('tags go over several pages; a page that is not there is the last one, or the first', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  const tags = Object.fromEntries(Array.from({ length: 45 }, (_, minor) => [`1.${minor}`, image]));
  await layTree(folder.path, { repositories: [repositoryOf('app', tags)] });
  await using crane = await startTestCrane({ tree: folder.path, page: true });
  const tagsOn = async (page: string) => {
    const { text } = await load(crane, `/?repository=app&page=${page}`);
    return [...text.matchAll(/<h2>([^<]*)<\/h2>/g)].map(([, tag]) => tag);
  };
  const [first, second, third] = [await tagsOn('1'), await tagsOn('2'), await tagsOn('3')];
  expect([...first, ...second, ...third]).toEqual(Object.keys(tags).toReversed());
  expect([first.length, second.length, third.length]).toEqual([20, 20, 5]);
  expect(await tagsOn('99')).toEqual(third);
  expect(await tagsOn('-1')).toEqual(first);
});

test('what a browser has already is not sent again until something changes', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  await using crane = await startTestCrane({ tree: folder.path, page: true });
  const first = await load(crane, '/');
  const etag = first.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"1-[0-9a-f]{16}"$/);
  expect(first.headers.get('cache-control')).toBe('public, max-age=10');
  const again = await load(crane, '/', { headers: { 'If-None-Match': etag } });
  expect([again.status, again.text]).toEqual([304, '']);
  const head = await load(crane, '/', { method: 'HEAD' });
  expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
    200,
    '',
    first.headers.get('content-length'),
  ]);
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  await crane.refresh();
  expect((await load(crane, '/', { headers: { 'If-None-Match': etag } })).status).toBe(200);
});

test('mirrors are shown with their serial and how far behind they are', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  await using late = await startMirror();
  await late.copyFrom(folder.path);
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image, new: sampleImage() })] });
  await using fresh = await startMirror({ directory: folder.path });
  await using crane = await startTestCrane({
    tree: folder.path,
    page: true,
    mirrors: [
      { name: 'fresh', url: fresh.url, countries: ['DE', 'AT'] },
      { name: 'late', url: late.url, private: true, networks: ['192.0.2.0/24'] },
      { name: 'down', url: 'http://127.0.0.1:9/' },
    ],
  });
  await until(async () => (await load(crane, '/')).words.includes('1 serial behind'));
  const { words, text } = await load(crane, '/');
  expect(words).toContain('fresh DE, AT in step, at serial 2');
  expect(words).toContain('late private 1 serial behind, at serial 1');
  expect(words).toContain('down not in use');
  expect([...text.matchAll(/<rect width="([^"]*)"/g)].map(([, width]) => width)).toEqual(['100', '90', '0']);
});

test('before the first serial, and with documents that are gone', async () => {
  await using folder = await temporaryFolder();
  const logger = testLog();
  await using crane = await startTestCrane({ tree: folder.path, page: true, logger });
  expect((await load(crane, '/')).words).toContain('Nothing is published yet');

  const image = platformImage('amd64', 100);
  const tree = {
    repositories: [
      { name: 'app', tags: { a: image.digest }, manifests: [image.manifest], blobs: image.blobs },
    ],
  };
  await layTree(folder.path, tree);
  await rm(path.join(folder.path, blobPath(digestOf(image.blobs[0] as Uint8Array))));
  await crane.refresh();
  expect((await load(crane, '/?repository=app')).words).toContain('Platforms any ');
  await rm(path.join(folder.path, manifestPath('oci-manifest', image.digest)));
  await using other = await startTestCrane({ tree: folder.path, page: true, logger });
  const without = await load(other, '/?repository=app');
  expect([without.status, without.words.includes('Platforms')]).toEqual([200, false]);
});

test('a shard that can not be read is told as a page, and looked for again', async () => {
  await using folder = await temporaryFolder();
  await using aside = await temporaryFolder();
  const documents = path.join(folder.path, 'pool/index');
  const { statement } = await layTree(folder.path, {
    repositories: [repositoryOf('app', { latest: sampleImage() })],
  });
  await cp(documents, aside.path, { recursive: true });
  const root = indexPath(statement.root);
  for (const file of await readdir(documents, { recursive: true, withFileTypes: true })) {
    const found = path.join(file.parentPath, file.name);
    if (file.isFile() && found !== path.join(folder.path, root)) await rm(found);
  }
  await using crane = await startTestCrane({ tree: folder.path, page: true });
  const broken = await load(crane, '/');
  expect([broken.status, broken.headers.get('retry-after')]).toEqual([503, '5']);
  expect(broken.words).toContain('can not be shown just now');
  expect((await load(crane, '/?repository=app')).status).toBe(503);
  await cp(aside.path, documents, { recursive: true });
  expect((await load(crane, '/')).words).toContain('One repository');
});

test('a tree that is refused from the start is no tree in which nothing is published', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [] });
  await writeFile(path.join(folder.path, 'serial/other.json'), '{}');
  await rename(path.join(folder.path, 'serial/other.json'), path.join(folder.path, 'serial/current.json'));
  await using crane = await startTestCrane({ tree: folder.path, page: true });
  expect((await load(crane, '/')).status).toBe(503);
});

test('nothing of the request breaks out of the page, and the policy lets nothing run', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
  await using crane = await startTestCrane({ tree: folder.path, page: true });
  const hostile = '"><script>alert(1)</script>';
  for (const target of ['q', 'last', 'repository', 'page'].map(
    (key) => `/?${key}=${encodeURIComponent(hostile)}`,
  )) {
    const { text, headers } = await load(crane, target);
    expect(text).not.toContain('<script');
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
  const page = await new Promise<string>((resolve, reject) => {
    get(`${crane.url}/?repository=app`, { headers: { Host: hostile } }, (response) => {
      response
        .setEncoding('utf8')
        .toArray()
        .then((parts) => resolve(parts.join('')), reject);
    }).on('error', reject);
  });
  expect(page).toContain('docker pull REGISTRY/app:latest');
  expect(page).not.toContain('<script');
});

test('so many pages are read for at a time; who comes then is asked to come again', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
  await using mirror = await startMirror({ directory: folder.path });
  const released = Promise.withResolvers<void>();
  const answer = async (url: string, response: ServerResponse) => {
    if (url.includes('/pool/manifests/')) await released.promise;
    const { status, bytes } = await fetch(mirror.url + url).then(async (found) => ({
      status: found.status,
      bytes: Buffer.from(await found.arrayBuffer()),
    }));
    response.writeHead(status, { 'Content-Length': bytes.length }).end(bytes);
  };
  await using slow = await startServer((request, response) => void answer(request.url ?? '/', response));
  await using crane = await startTestCrane({ tree: slow.url, page: true });
  const pages = Array.from({ length: 9 }, () => load(crane, '/?repository=app'));
  expect((await Promise.race(pages)).status).toBe(503);
  released.resolve();
  const statuses = (await Promise.all(pages)).map(({ status }) => status);
  expect([200, 503].map((status) => statuses.filter((one) => one === status).length)).toEqual([8, 1]);
});
