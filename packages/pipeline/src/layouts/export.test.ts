import { rm, truncate, writeFile, chmod } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { makeImage, makeIndex, makeLayer, makeSbom, type MadeManifest } from '@gantry/registry';
import { blobPath, directoryTree, openTree } from '@gantry/tree';
import { extract } from 'tar-stream';
import { chooseExports } from './choose-exports.ts';
import { laid, type LayoutPlace, openLayoutPlace } from './layouts.fixture.ts';
import { archiveOf } from './write-archive.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const layer = (text: string) => makeLayer([{ path: 'hello', content: text }]);
const docker = (text: string, platform = AMD64) =>
  makeImage({ platform, layers: [layer(text)], format: 'docker' });

const ONE = docker('one');
const TWO = makeImage({ platform: AMD64, layers: [layer('two')] });
const LIST = makeIndex([docker('arm', ARM64), docker('amd')], { format: 'docker' });
const SBOM = makeSbom(TWO, 'two');
const OF_SBOM = makeSbom(SBOM, 'the sbom');
const COMPANION = `${TWO.digest.replace(':', '-')}.sig`;

/** The archive, and the files in it. */
async function archive(place: LayoutPlace, references: string[], withReferrers = true) {
  const source = directoryTree(path.join(place.root, 'tree'));
  const view = await openTree(source);
  if (view === undefined) throw new Error('there is no tree');
  const exported = await chooseExports(view, source, references, withReferrers);
  let written = 0;
  const tar = await buffer(archiveOf(exported, source, { onProgress: (bytes) => (written = bytes) }));
  const files = new Map<string, Buffer>();
  const names: string[] = [];
  for await (const entry of Readable.from([tar]).pipe(extract() as never) as AsyncIterable<
    AsyncIterable<Buffer> & { header: { name: string; mtime: Date } }
  >) {
    expect(entry.header.mtime.getTime()).toBe(0);
    names.push(entry.header.name);
    files.set(entry.header.name, await buffer(entry));
  }
  const json = (name: string): unknown => JSON.parse(String(files.get(name)));
  return { tar, files, names, json, exported, written };
}

async function openSamples(): Promise<LayoutPlace> {
  const place = await openLayoutPlace();
  const tags = { one: ONE, two: TWO, multi: LIST, [COMPANION]: ONE };
  await place.lay(laid('fedora/httpd', tags, SBOM, OF_SBOM), laid('app', { same: ONE }));
  return place;
}

const blobOf = ({ digest }: { readonly digest: string }) => `blobs/${digest.replace(':', '/')}`;
const whole = (...made: MadeManifest[]): string[] =>
  made.flatMap((one) => [blobOf(one), ...one.blobs.map(blobOf), ...whole(...one.children)]);
const sorted = (names: string[]) => [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1));

describe('an archive', () => {
  test('is an OCI image layout with just what was asked for, each blob once', async () => {
    await using place = await openSamples();
    const { names, files, json, exported, written } = await archive(place, ['fedora/httpd:one', 'app:same']);
    expect(names).toEqual([
      'blobs/',
      'blobs/sha256/',
      'oci-layout',
      'index.json',
      'manifest.json',
      ...sorted(whole(ONE)),
    ]);
    expect(json('oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(json('index.json')).toMatchObject({
      manifests: [
        { digest: ONE.digest, annotations: { 'org.opencontainers.image.ref.name': 'app:same' } },
        { digest: ONE.digest, annotations: { 'org.opencontainers.image.ref.name': 'fedora/httpd:one' } },
      ],
    });
    for (const { digest, bytes } of [ONE, ...ONE.blobs]) expect(files.get(blobOf({ digest }))).toEqual(bytes);
    expect(written).toBe(exported.bytes);
  });

  test('has the same bytes each time', async () => {
    await using place = await openSamples();
    const [first, second] = await Promise.all([
      archive(place, ['fedora/httpd', 'app']),
      archive(place, ['app', 'fedora/httpd']),
    ]);
    expect(Buffer.compare(first.tar, second.tar)).toBe(0);
  });

  test('has what refers to an image, and what refers to that, unless told otherwise', async () => {
    await using place = await openSamples();
    const { names, json } = await archive(place, ['fedora/httpd:two']);
    expect(names).toEqual(expect.arrayContaining(whole(TWO, SBOM, OF_SBOM, ONE)));
    expect(json('index.json')).toMatchObject({
      manifests: [
        { annotations: { 'org.opencontainers.image.ref.name': `fedora/httpd:${COMPANION}` } },
        { annotations: { 'org.opencontainers.image.ref.name': 'fedora/httpd:two' } },
        ...sorted([SBOM.digest, OF_SBOM.digest]).map((digest) => ({ digest })),
      ],
    });
    expect(json('manifest.json')).toMatchObject([{ RepoTags: ['fedora/httpd:two'] }]);
    const bare = await archive(place, ['fedora/httpd:two'], false);
    expect(bare.names.filter((name) => /[0-9a-f]{64}/.test(name))).toEqual(sorted(whole(TWO)));
  });

  test('has an index whole, and for docker its image for linux/amd64', async () => {
    await using place = await openSamples();
    const { names, json } = await archive(place, [`fedora/httpd@${LIST.digest}`]);
    expect(names).toEqual(expect.arrayContaining(whole(LIST)));
    const amd = LIST.children[1] as MadeManifest;
    const [config, ...layers] = amd.blobs.map(blobOf);
    expect(json('manifest.json')).toEqual([{ Config: config, RepoTags: [], Layers: layers }]);
    expect(json('index.json')).toMatchObject({
      manifests: [{ annotations: { 'org.opencontainers.image.ref.name': `fedora/httpd@${LIST.digest}` } }],
    });
  });

  test.each([
    ['a repository', 'nothing', 'NAME_UNKNOWN'],
    ['a tag', 'app:nothing', 'MANIFEST_UNKNOWN'],
    ['a digest', `app@${TWO.digest}`, 'MANIFEST_UNKNOWN'],
    ['a name that is none', 'APP', 'NAME_INVALID'],
  ])('names %s that is not in the tree', async (_, reference, code) => {
    await using place = await openSamples();
    await expect(archive(place, [reference])).rejects.toMatchObject({ code });
  });

  test.each([
    ['has other bytes', (file: string) => writeFile(file, 'x'.repeat(ONE.blobs[1]?.size ?? 0))],
    ['is too short', (file: string) => truncate(file, 5)],
    ['is too long', (file: string) => writeFile(file, 'x'.repeat(100_000))],
  ])('ends with an error when a blob %s', async (_, damage) => {
    await using place = await openSamples();
    const file = path.join(place.root, 'tree', blobPath(ONE.blobs[1]?.digest ?? ONE.digest));
    await chmod(file, 0o600);
    await damage(file);
    await expect(archive(place, ['app'])).rejects.toMatchObject({ code: 'CONTENT_CORRUPT' });
    await rm(file);
    await expect(archive(place, ['app'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
