import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, Fault, splitDigest } from '@gantry/oci';
import { makeImage, makeIndex, makeLayer, makeSbom } from '@gantry/registry';
import { blobPath, manifestPath } from '@gantry/tree';
import { laid, type LayoutPlace, openLayoutPlace } from './layouts.fixture.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const ARM64 = { os: 'linux', architecture: 'arm64' };
const layer = (text: string) => makeLayer([{ path: 'hello', content: text }]);
const docker = (text: string, platform = AMD64) =>
  makeImage({ platform, layers: [layer(text)], format: 'docker' });
const oci = (text: string, platform = AMD64) => makeImage({ platform, layers: [layer(text)] });

const ONE = docker('one');
const TWO = oci('two');
const LIST = makeIndex([docker('arm', ARM64), docker('amd')], { format: 'docker' });
const INDEX = makeIndex([TWO]);
const SBOM = makeSbom(TWO, 'two');

const named = (name: string) => ({ annotations: { 'org.opencontainers.image.ref.name': name } });
const byName = (a: string, b: string) => (a < b ? -1 : 1);
/** The inode of a file of the layouts, or of the tree. */
const inode = async (file: string) => (await stat(file)).ino;
const inTree = (place: LayoutPlace, file: string) => path.join(place.root, 'tree', file);

describe('the layout pulp', () => {
  test('has each manifest where Crane asks for it, by digest and by tag', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('fedora/httpd', { a: ONE, multi: LIST, new: TWO, newer: INDEX }));
    await (await place.open()).follow();
    const [arm, amd] = LIST.children;
    expect(await place.files('pulp/fedora/httpd/manifests')).toEqual(
      [
        ...['a', ONE.digest, arm?.digest, amd?.digest].map((name) => `2/${name}`),
        ...['multi', LIST.digest].map((name) => `list/${name}`),
        ...['new', 'newer', TWO.digest, INDEX.digest].map((name) => `1/${name}`),
      ].toSorted(),
    );
    expect(await place.files('pulp/_kinds')).toEqual(
      [
        ...['newer', INDEX.digest].map((name) => `oci-index/fedora/httpd/manifests/1/${name}`),
        ...['new', TWO.digest].map((name) => `oci-manifest/fedora/httpd/manifests/1/${name}`),
      ].toSorted(),
    );
    expect(await inode(place.at('pulp/fedora/httpd/manifests/2/a'))).toBe(
      await inode(inTree(place, manifestPath('docker-manifest', ONE.digest))),
    );
    expect(await place.json('pulp/fedora/httpd/tags/list')).toEqual({
      name: 'fedora/httpd',
      tags: ['a', 'multi', 'new', 'newer'],
    });
  });

  test('tells Crane of each repository in a redirect file of version 4', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('fedora/httpd', { a: ONE, multi: LIST, new: TWO }), laid('app', { x: TWO }));
    await (await place.open()).follow();
    const [arm, amd] = LIST.children;
    expect(await place.files('pulp/_app')).toEqual(['app.json', 'fedora+httpd.json']);
    expect(await place.json('pulp/_app/fedora+httpd.json')).toEqual({
      version: 4,
      type: 'pulp-docker-redirect',
      protected: false,
      repository: 'fedora/httpd',
      'repo-registry-id': 'fedora/httpd',
      url: 'https://dl.example.org/pulp/fedora/httpd/',
      schema2_data: [`${amd?.digest}`, `${arm?.digest}`, ONE.digest, 'a'].toSorted(byName),
      manifest_list_data: ['multi', LIST.digest],
      manifest_list_amd64_tags: { multi: [amd?.digest, 2] },
    });
  });

  test('is made anew where it is served elsewhere', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }));
    await (await place.open()).follow();
    const layouts = await place.open({ url: 'https://other.example.org' });
    expect(await layouts.progress()).toContainEqual({ layout: 'pulp', serial: 1, current: false });
    await layouts.follow();
    expect(await place.json('pulp/_app/app.json')).toMatchObject({ url: 'https://other.example.org/app/' });
  });
});

describe('the layout registry', () => {
  test('has the paths of the API, and each manifest once more by its kind', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('fedora/httpd', { new: TWO }, SBOM));
    await (await place.open()).follow();
    const manifests = ['new', TWO.digest, SBOM.digest].map((name) => `v2/fedora/httpd/manifests/${name}`);
    const blobs = [...TWO.blobs, ...SBOM.blobs].map(({ digest }) => `v2/fedora/httpd/blobs/${digest}`);
    expect(await place.files('registry')).toEqual(
      [
        '.gantry.json',
        'ping.json',
        ...manifests,
        ...manifests.map((file) => `_kinds/oci-manifest/${file}`),
        ...blobs,
        `v2/fedora/httpd/referrers/${TWO.digest}`,
        'v2/fedora/httpd/tags/list',
      ].toSorted(),
    );
    expect(await place.json(`registry/v2/fedora/httpd/referrers/${TWO.digest}`)).toMatchObject({
      manifests: [{ digest: SBOM.digest }],
    });
  });
});

describe('the layout oci', () => {
  test('is an image layout a repository, its tags names in the index', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('fedora/httpd', { new: TWO, multi: LIST }, SBOM));
    await (await place.open()).follow();
    expect(await place.json('oci/fedora/httpd/oci-layout')).toEqual({ imageLayoutVersion: '1.0.0' });
    expect(await place.json('oci/fedora/httpd/index.json')).toMatchObject({
      schemaVersion: 2,
      manifests: [
        { digest: LIST.digest, size: LIST.size, mediaType: LIST.mediaType, ...named('multi') },
        { digest: TWO.digest, ...named('new') },
        { digest: SBOM.digest },
      ],
    });
    for (const { digest, bytes } of [LIST, ...LIST.children, TWO, SBOM, ...TWO.blobs]) {
      const file = place.at(`oci/fedora/httpd/blobs/${digest.replace(':', '/')}`);
      expect(Buffer.compare(await readFile(file), bytes)).toBe(0);
    }
  });
});

describe('following a tree', () => {
  test('touches only what has changed', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE, y: ONE }), laid('other', { x: TWO }));
    const layouts = await place.open();
    await layouts.follow();
    // What was damaged from outside shows what was looked at: it is not put right by the way.
    await rm(place.at('registry/v2/other/tags/list'));
    await rm(place.at('registry/v2/app/manifests/y'));
    await place.lay(laid('app', { x: TWO, y: ONE }), laid('other', { x: TWO }));
    await layouts.follow();
    expect(await readFile(place.at('registry/v2/app/manifests/x'))).toEqual(TWO.bytes);
    const files = await place.files('registry');
    expect(files).not.toContain('v2/other/tags/list');
    expect(files).not.toContain('v2/app/manifests/y');
    await layouts.rebuild();
    expect(await place.files('registry')).toEqual(
      expect.arrayContaining(['v2/other/tags/list', 'v2/app/manifests/y']),
    );
  });

  test('asked to look at all, has no damaged file that it shares with the tree', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE, y: TWO }));
    const layouts = await place.open();
    await layouts.follow();
    const [damaged, other] = ONE.blobs.map(({ digest }) => digest) as [Digest, Digest];
    const bytes = ONE.blobs[0]?.bytes as Buffer;
    const original = inTree(place, blobPath(damaged));
    const inLayouts = ['pulp/app/blobs', 'registry/v2/app/blobs', 'oci/app/blobs'].map((folder) => {
      const name = folder.startsWith('oci') ? damaged.replace(':', '/') : damaged;
      return { folder, file: place.at(`${folder}/${name}`) };
    });
    await chmod(original, 0o644);
    await writeFile(original, Buffer.alloc(bytes.length)); // in place, so everywhere
    for (const { file } of inLayouts) expect(await readFile(file)).toEqual(Buffer.alloc(bytes.length));

    await rm(original);
    await expect(layouts.rebuild()).rejects.toMatchObject({ code: 'TREE_INVALID' });
    for (const { folder, file } of inLayouts) {
      await expect(stat(file)).rejects.toThrow('ENOENT');
      expect((await place.files(folder)).join()).toContain(splitDigest(other).hex);
    }
    await writeFile(original, bytes);
    await layouts.rebuild();
    for (const { file } of inLayouts) expect(await readFile(file)).toEqual(bytes);
    expect((await layouts.progress()).map(({ current }) => current)).toEqual([true, true, true]);
  });

  test('takes a tag of another kind from the folder of its former one', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }));
    const layouts = await place.open();
    await layouts.follow();
    await place.lay(laid('app', { x: LIST }));
    await layouts.follow();
    expect((await place.files('pulp/app')).filter((file) => file.endsWith('/x'))).toEqual([
      'manifests/list/x',
    ]);
    expect((await place.files('registry/_kinds')).filter((file) => file.endsWith('/x'))).toEqual([
      'docker-list/v2/app/manifests/x',
    ]);
  });

  test('removes what is gone, and leaves no empty folder', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('team/app', { x: ONE, y: TWO }), laid('app', { x: TWO }));
    const layouts = await place.open();
    await layouts.follow();
    await place.lay(laid('app', { x: TWO }));
    await layouts.follow();
    for (const layout of ['pulp', 'registry/v2', 'oci'])
      await expect(stat(place.at(`${layout}/team`))).rejects.toThrow('ENOENT');
    expect((await place.files('.')).join()).not.toContain('team');
    await expect(stat(place.at('oci/.tmp'))).resolves.toBeDefined();
    expect(await place.files('oci/.tmp')).toEqual([]);
  });

  test('looks at everything where an update was cut off, or its former state is not in the tree any more', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }), laid('gone', { x: ONE }));
    const layouts = await place.open();
    await layouts.follow();
    const file = place.at('oci/.gantry.json');
    const state = (await place.json('oci/.gantry.json')) as Record<string, unknown>;
    await place.lay(laid('app', { x: TWO }));
    await rm(file);
    await writeFile(file, JSON.stringify({ ...state, applied: undefined, begun: [] }));
    await writeFile(place.at('oci/app/blobs/sha256/stray'), '');
    await layouts.follow();
    expect((await place.files('oci')).join()).not.toMatch(/gone|stray/);
    expect(await layouts.progress()).toContainEqual({ layout: 'oci', serial: 2, current: true });
  });

  test('does what an update that was cut off has left, whatever the tree says since', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }));
    const layouts = await place.open({ layouts: ['registry'] });
    await layouts.follow();
    await place.lay(laid('app', { x: TWO }));
    const broken = inTree(place, manifestPath('oci-manifest', TWO.digest));
    await rename(broken, `${broken}.away`);
    await expect(layouts.follow()).rejects.toThrow(/is absent, which the tree names/);
    expect(await layouts.progress()).toEqual([{ layout: 'registry', serial: 1, current: false }]);
    // Blobs of the one are there, manifests of the other; and the tree is back at where the layout was before.
    await place.lay(laid('app', { x: ONE }));
    await layouts.follow();
    expect((await place.files('registry/v2/app/blobs')).toSorted()).toEqual(
      ONE.blobs.map(({ digest }) => digest).toSorted(),
    );
    expect(await layouts.progress()).toEqual([{ layout: 'registry', serial: 3, current: true }]);
  });

  test('one repository that can not be made keeps no other back', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }), laid('broken', { x: TWO }));
    const broken = inTree(place, manifestPath('oci-manifest', TWO.digest));
    await rename(broken, `${broken}.away`);
    const layouts = await place.open({ layouts: ['registry'] });
    await expect(layouts.follow()).rejects.toThrow(Fault);
    expect(await readFile(place.at('registry/v2/app/manifests/x'))).toEqual(ONE.bytes);
    await rename(`${broken}.away`, broken);
    await layouts.follow();
    expect(await readFile(place.at('registry/v2/broken/manifests/x'))).toEqual(TWO.bytes);
  });

  test('leaves out a repository whose name is a folder of another one', async () => {
    await using place = await openLayoutPlace();
    await place.lay(
      laid('app', { manifests: ONE }),
      laid('app/manifests', { x: TWO }),
      laid('tags', { x: TWO }),
    );
    await (await place.open({ layouts: ['registry'] })).follow();
    expect(await readFile(place.at('registry/v2/app/manifests/manifests'))).toEqual(ONE.bytes);
    expect(await readFile(place.at('registry/v2/tags/manifests/x'))).toEqual(TWO.bytes);
    expect((await place.files('registry')).join()).not.toContain('app/manifests/manifests/x');
  });

  test('does nothing before there is a tree', async () => {
    await using place = await openLayoutPlace();
    await mkdir(path.join(place.root, 'tree'));
    const layouts = await place.open();
    await layouts.follow();
    expect(await layouts.progress()).toContainEqual({ layout: 'pulp', current: true });
  });
});

describe('a folder that is no layout of this tree', () => {
  test('is refused before anything is written', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }));
    await mkdir(place.at('oci'), { recursive: true });
    await writeFile(place.at('oci/notes.txt'), '');
    await expect(place.open()).rejects.toThrow(
      /oci holds "notes.txt" and is no layout: name an empty folder/,
    );
  });

  test('is refused when it is the layout of another tree', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }));
    await (await place.open()).follow();
    const state = (await place.json('oci/.gantry.json')) as Record<string, unknown>;
    await rm(place.at('oci/.gantry.json'));
    await writeFile(place.at('oci/.gantry.json'), JSON.stringify({ ...state, tree: 'another' }));
    await place.lay(laid('app', { x: TWO }));
    const layouts = await place.open();
    await expect(layouts.follow()).rejects.toThrow(/is the layout oci of the tree another/);
    // The other layouts follow all the same.
    expect(await readFile(place.at('registry/v2/app/manifests/x'))).toEqual(TWO.bytes);
  });

  test('is refused when it can not be written', async () => {
    await using place = await openLayoutPlace();
    await place.lay(laid('app', { x: ONE }));
    await writeFile(path.join(place.root, 'layouts'), '');
    await expect(place.open()).rejects.toThrow(
      /tree.layoutsRoot: .* can not be used as a folder to write to/,
    );
    await chmod(path.join(place.root, 'layouts'), 0o600);
  });
});
