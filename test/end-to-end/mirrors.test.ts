import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { CANDIDATES, everyKind } from '../fixtures/build-registry.ts';
import { gantry } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { run } from '../servers/run.ts';
import { answered, ask, openWorld, release, type World, WORLD_PARTS } from './world.ts';

/** Where the crane sends its clients, by what the mirrors were found to serve. */
const content = everyKind().filter(({ name }) => /multi|plain/.test(name));
const index = content.find(({ name }) => name === `${CANDIDATES}multi/index`)?.tags.get('1');
const indexPlace = `multi/index/manifests/${index?.digest}`;
const blobPlace = `multi/index/blobs/${index?.children[0]?.blobs[1]?.digest}`;

let world: World;
const real = needs(...WORLD_PARTS).showing(() => world?.servers ?? []);

real.beforeAll(async () => {
  world = await openWorld(content);
  await release(world, 'stable', [
    { repository: 'multi/index', reference: '1' },
    { repository: 'multi/list', reference: '1' },
    { repository: 'plain/docker', reference: 'latest' },
    { repository: 'plain/oci', reference: 'latest' },
  ]);
  await world.copyTree();
}, 90_000);

real.afterAll(async () => world?.[Symbol.asyncDispose](), 60_000);

real.test(
  'a manifest by digest is redirected to a mirror that proves the right Content-Type',
  async () => {
    const response = await answered(world.gantry, indexPlace, 302);
    const location = response.headers.get('location') as string;
    const hex = index?.digest.slice('sha256:'.length) ?? '';
    expect(location).toBe(
      `${world.ruledMirror.url}/pool/manifests/oci-index/sha256/${hex.slice(0, 2)}/${hex}`,
    );
    const served = await fetch(location);
    expect(served.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-index']);
    expect(digestOf(Buffer.from(await served.arrayBuffer()))).toBe(index?.digest);
  },
  60_000,
);

real.test(
  'a manifest is served by the crane itself where the mirror does not prove it, and its layers are redirected',
  async () => {
    const blob = await answered(world.plainCrane, blobPlace, 302);
    expect(blob.headers.get('location')).toContain(`${world.plainMirror.url}/pool/blobs/sha256/`);
    const layer = await fetch(blob.headers.get('location') as string);
    expect(digestOf(Buffer.from(await layer.arrayBuffer()))).toBe(index?.children[0]?.blobs[1]?.digest);

    const manifest = await ask(world.plainCrane, indexPlace);
    expect(manifest.status).toBe(200);
    expect(manifest.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-index']);
    expect(manifest.headers.get('docker-content-digest')).toBe(index?.digest);
    expect(digestOf(Buffer.from(await manifest.arrayBuffer()))).toBe(index?.digest);
  },
  60_000,
);

real.test(
  'HEAD is answered by the crane itself, with type, digest and length',
  async () => {
    for (const place of [indexPlace, 'multi/index/manifests/1']) {
      const response = await ask(world.gantry, place, { method: 'HEAD' });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-index']);
      expect(response.headers.get('docker-content-digest')).toBe(index?.digest);
      expect(response.headers.get('content-length')).toBe(String(index?.size));
    }
    const blob = await ask(world.gantry, blobPlace, { method: 'HEAD' });
    expect(blob.status).toBe(200);
    expect(blob.headers.get('content-length')).toBe(String(index?.children[0]?.blobs[1]?.size));
  },
  60_000,
);

real.test(
  'a name, a tag, a digest or a blob that nobody promoted is 404 at the crane, never at a mirror',
  async () => {
    const nobody = `sha256:${'0'.repeat(64)}`;
    const cases = [
      ['no/such/name/manifests/latest', 'NAME_UNKNOWN'],
      ['multi/index/manifests/no-such-tag', 'MANIFEST_UNKNOWN'],
      [`multi/index/manifests/${nobody}`, 'MANIFEST_UNKNOWN'],
      [`multi/index/blobs/${nobody}`, 'BLOB_UNKNOWN'],
      ['no/such/name/tags/list', 'NAME_UNKNOWN'],
    ] as const;
    await world.ruledMirror.forgetRequests();
    for (const [place, code] of cases) {
      const response = await ask(world.gantry, place);
      expect({ place, status: response.status }).toEqual({ place, status: 404 });
      const { errors } = (await response.json()) as { errors: { code: string }[] };
      expect({ place, code: errors[0]?.code }).toEqual({ place, code });
    }
    expect((await world.ruledMirror.requests()).filter(({ status }) => status === 404)).toEqual([]);
  },
);

real.test(
  'a mirror that is behind gets nobody sent for what it has not: the crane waits until it has proven the new serial',
  async () => {
    const list = content.find(({ name }) => name === `${CANDIDATES}plain/odd-tags`)?.tags.get('10');
    await release(world, 'stable', [{ repository: 'plain/odd-tags', reference: '10' }]);
    const place = `plain/odd-tags/blobs/${list?.blobs.at(-1)?.digest}`;
    const manifestPlace = 'plain/odd-tags/manifests/10';
    await answered(world.plainCrane, manifestPlace, 200);
    const meanwhile = await ask(world.plainCrane, place);
    expect(meanwhile.status).toBe(503);
    expect(meanwhile.headers.get('retry-after')).toMatch(/^\d+$/);
    await world.copyTree();
    await answered(world.plainCrane, place, 302);
  },
  60_000,
);

real.test(
  'the tree proves itself, and so does its copy against it',
  async () => {
    await world.copyTree();
    const verified = await gantry(world.folder, ['verify', world.treeFolder, '--deep']);
    expect(verified).toMatchObject({ code: 0 });
    const words = ['verify', world.plainMirror.url, '--against', world.treeFolder, '--output', 'json'];
    const copy = await gantry(world.folder, words);
    expect(copy).toMatchObject({ code: 0 });
    // Without the shipped rules it serves each manifest with another type, and is good for blobs only.
    const deep = await gantry(world.folder, [...words, '--deep']);
    const { errors, counts } = JSON.parse(deep.stdout) as { errors: number; counts: object };
    expect([deep.code, counts]).toEqual([1, { 'wrong-type': errors }]);
  },
  60_000,
);

real.test(
  'all files of the tree but the pointer are read-only and named by their content',
  async () => {
    const pool = path.join(world.treeFolder, 'pool');
    const files = (await readdir(pool, { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) {
      const bytes = await readFile(path.join(file.parentPath, file.name));
      expect(`sha256:${file.name.replace('.json', '')}`).toBe(digestOf(bytes));
    }
    const modes = await run('find', [world.treeFolder, '-type', 'f', '!', '-perm', '0444']);
    expect(modes.split('\n').filter((name) => name !== '' && !name.endsWith('/serial/current.json'))).toEqual(
      [],
    );
  },
  60_000,
);
