import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { blobPath, layTree, manifestPath } from '@gantry/tree';
import { ask, repositoryOf, sampleImage, startTestCrane, temporaryFolder, testLog } from './crane.fixture.ts';

const NOBODY = `sha256:${'0'.repeat(64)}`;

async function codeOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/json');
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  return errors[0]?.code ?? '';
}

describe('a tree without mirrors', () => {
  test('is served whole: base, manifests by tag and digest, blobs, tags', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('team/app', { latest: image })] });
    await using crane = await startTestCrane({ tree: folder.path });

    const base = await ask(crane, '/v2/');
    expect([base.status, await base.text()]).toEqual([200, '{}']);
    expect(base.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    expect((await ask(crane, '/v2')).status).toBe(200);

    for (const reference of ['latest', image.digest]) {
      const response = await ask(crane, `/v2/team/app/manifests/${reference}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-manifest']);
      expect(response.headers.get('docker-content-digest')).toBe(image.digest);
      expect(response.headers.get('etag')).toBe(`"${image.digest}"`);
      expect(response.headers.get('cache-control')).toContain(
        reference === 'latest' ? 'max-age=10' : 'immutable',
      );
      expect(digestOf(Buffer.from(await response.arrayBuffer()))).toBe(image.digest);
    }
    const blob = await ask(crane, `/v2/team/app/blobs/${image.layer}`);
    expect(blob.status).toBe(200);
    expect(blob.headers.get('content-type')).toBe('application/octet-stream');
    expect(digestOf(Buffer.from(await blob.arrayBuffer()))).toBe(image.layer);

    const tags = await ask(crane, '/v2/team/app/tags/list');
    expect(await tags.json()).toEqual({ name: 'team/app', tags: ['latest'] });
  });

  test('gives ranges of blobs, so that a broken pull can go on', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage({ sizeBytes: 5000 });
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    await using crane = await startTestCrane({ tree: folder.path });
    const target = `/v2/app/blobs/${image.layer}`;
    const layer = image.blobs[1] as Uint8Array;

    const part = await ask(crane, target, { headers: { range: 'bytes=1000-1999' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 1000-1999/5000');
    expect(part.headers.get('content-length')).toBe('1000');
    expect(Buffer.from(await part.arrayBuffer()).equals(layer.subarray(1000, 2000))).toBe(true);

    const tail = await ask(crane, target, {
      headers: { range: 'bytes=4990-', 'if-range': `"${image.layer}"` },
    });
    expect([tail.status, Buffer.from(await tail.arrayBuffer()).equals(layer.subarray(4990))]).toEqual([
      206,
      true,
    ]);
    const beyond = await ask(crane, target, { headers: { range: 'bytes=5000-' } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */5000']);
    const other = await ask(crane, target, { headers: { range: 'bytes=0-9', 'if-range': '"another"' } });
    expect([other.status, (await other.arrayBuffer()).byteLength]).toEqual([200, 5000]);
    const empty = sampleImage({ sizeBytes: 0 });
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: empty })] });
    await crane.refresh();
    const nothing = await ask(crane, `/v2/app/blobs/${empty.layer}`);
    expect([nothing.status, (await nothing.arrayBuffer()).byteLength]).toEqual([200, 0]);
  });

  test('answers HEAD as GET, without the body', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    await using crane = await startTestCrane({ tree: folder.path });
    const targets = [
      '/v2/',
      '/v2/app/manifests/latest',
      `/v2/app/manifests/${image.digest}`,
      `/v2/app/blobs/${image.layer}`,
      '/v2/app/tags/list',
      `/v2/app/referrers/${image.digest}`,
      '/v2/app/manifests/absent',
      `/v2/app/blobs/${NOBODY}`,
    ];
    for (const target of targets) {
      const [got, head] = await Promise.all([ask(crane, target), ask(crane, target, { method: 'HEAD' })]);
      const told = ({ status, headers }: Response) => {
        const own = [...headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));
        return { target, status, headers: own };
      };
      expect(told(head)).toEqual(told(got));
      expect(await head.text()).toBe('');
      await got.arrayBuffer();
    }
  });

  test('says 304 to a client that has it already', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    await using crane = await startTestCrane({ tree: folder.path });
    for (const [target, digest] of [
      ['/v2/app/manifests/latest', image.digest],
      [`/v2/app/blobs/${image.layer}`, image.layer],
    ] as const) {
      const same = await ask(crane, target, { headers: { 'if-none-match': `W/"x", "${digest}"` } });
      expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', `"${digest}"`]);
      const other = await ask(crane, target, { headers: { 'if-none-match': '"another"' } });
      expect(other.status).toBe(200);
      await other.arrayBuffer();
    }
  });

  test('sends a manifest or blob that the tree has lost, or that is not itself any more, to nobody', async () => {
    await using folder = await temporaryFolder();
    const [lost, spoilt] = [sampleImage(), sampleImage()];
    await layTree(folder.path, { repositories: [repositoryOf('app', { lost, spoilt })] });
    const at = (file: string) => path.join(folder.path, file);
    await rm(at(manifestPath('oci-manifest', lost.digest)));
    await rm(at(blobPath(lost.layer)));
    await rm(at(manifestPath('oci-manifest', spoilt.digest)));
    await writeFile(at(manifestPath('oci-manifest', spoilt.digest)), '{}');
    await rm(at(blobPath(spoilt.layer)));
    await writeFile(at(blobPath(spoilt.layer)), 'short');
    const logger = testLog();
    await using crane = await startTestCrane({ tree: folder.path, logger });
    for (const { digest, layer } of [lost, spoilt]) {
      for (const target of [`/v2/app/manifests/${digest}`, `/v2/app/blobs/${layer}`]) {
        const response = await ask(crane, target);
        expect([response.status, await codeOf(response)]).toEqual([503, 'UNAVAILABLE']);
        expect(response.headers.get('retry-after')).toMatch(/^[1-9][0-9]*$/);
      }
    }
    expect(logger.lines.some(({ level }) => level === 'error')).toBe(true);
  });
});

describe('what is not there', () => {
  test('is 404 with the code of the specification, and what is malformed is 400 or 404', async () => {
    await using folder = await temporaryFolder();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
    await using crane = await startTestCrane({ tree: folder.path });
    const cases: [string, number, string][] = [
      ['/v2/other/manifests/latest', 404, 'NAME_UNKNOWN'],
      ['/v2/other/tags/list', 404, 'NAME_UNKNOWN'],
      [`/v2/other/referrers/${NOBODY}`, 404, 'NAME_UNKNOWN'],
      ['/v2/app/manifests/v2', 404, 'MANIFEST_UNKNOWN'],
      [`/v2/app/manifests/${NOBODY}`, 404, 'MANIFEST_UNKNOWN'],
      ['/v2/app/manifests/.not-a-tag', 404, 'MANIFEST_UNKNOWN'],
      ['/v2/app/manifests/a/b', 404, 'MANIFEST_UNKNOWN'],
      [`/v2/app/blobs/${NOBODY}`, 404, 'BLOB_UNKNOWN'],
      ['/v2/app/manifests/sha256:totallywrong', 400, 'DIGEST_INVALID'],
      ['/v2/app/blobs/123', 400, 'DIGEST_INVALID'],
      ['/v2/app/referrers/123', 400, 'DIGEST_INVALID'],
      ['/v2/App/tags/list', 400, 'NAME_INVALID'],
      ['/v2/app/tags/list?n=-1', 400, 'UNSUPPORTED'],
      ['/v2/_catalog', 404, 'UNSUPPORTED'],
      ['/v2/app', 404, 'UNSUPPORTED'],
      ['/', 404, 'UNSUPPORTED'],
      ['/v1/_ping', 404, 'UNSUPPORTED'],
      [`/v2/app/tags/list?last=${'x'.repeat(5000)}`, 414, 'UNSUPPORTED'],
    ];
    for (const [target, status, code] of cases) {
      const response = await ask(crane, target);
      expect({ target, status: response.status, code: await codeOf(response) }).toEqual({
        target,
        status,
        code,
      });
    }
  });

  test('a write is 405 and says what is allowed', async () => {
    await using folder = await temporaryFolder();
    await using crane = await startTestCrane({ tree: folder.path });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const response = await ask(crane, '/v2/app/blobs/uploads/', { method });
      expect([method, response.status, response.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD']);
      expect(await codeOf(response)).toBe('UNSUPPORTED');
    }
  });

  test('query parameters that are not known are no reason to refuse', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    await using crane = await startTestCrane({ tree: folder.path });
    for (const target of [
      '/v2/?ns=example.org',
      '/v2/app/manifests/latest?ns=example.org&%zz',
      `/v2/app/manifests/${image.digest.replace(':', '%3A')}`,
      `/v2/app/blobs/${image.layer}?ns=example.org`,
      '/v2/app/tags/list?ns=example.org',
    ]) {
      const response = await ask(crane, target);
      expect({ target, status: response.status }).toEqual({ target, status: 200 });
      await response.arrayBuffer();
    }
  });
});

describe('discovery', () => {
  test('tags come sorted, in pages whose Link stays on the crane', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    const tags = ['latest', '10', '9', 'v1', 'V1', '__proto__', '1.0'];
    await layTree(folder.path, {
      repositories: [repositoryOf('app', Object.fromEntries(tags.map((tag) => [tag, image])))],
    });
    await using crane = await startTestCrane({ tree: folder.path });
    const all: string[] = [];
    let target: string | undefined = '/v2/app/tags/list?n=3';
    for (let pages = 0; target !== undefined && pages < 10; pages++) {
      const response = await ask(crane, target);
      const page = (await response.json()) as { tags: string[] };
      expect(page.tags.length).toBeLessThanOrEqual(3);
      all.push(...page.tags);
      target = /^<(\/v2\/app\/tags\/list\?[^>]*)>; rel="next"$/.exec(response.headers.get('link') ?? '')?.[1];
    }
    expect(all).toEqual(tags.toSorted());
    const none = await ask(crane, '/v2/app/tags/list?n=0');
    expect([await none.json(), none.headers.get('link')]).toEqual([{ name: 'app', tags: [] }, null]);
    const after = await ask(crane, '/v2/app/tags/list?last=absent-but-sorts');
    expect(await after.json()).toEqual({ name: 'app', tags: ['latest', 'v1'] });
  });

  test('referrers are the document of the tree, filtered if so asked', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    const sbom = sampleImage({ subject: image });
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image }, [sbom])] });
    await using crane = await startTestCrane({ tree: folder.path });
    const list = async (query: string, subject: string = image.digest) => {
      const response = await ask(crane, `/v2/app/referrers/${subject}${query}`);
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        MANIFEST_MEDIA_TYPES['oci-index'],
      ]);
      const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
      const filters = response.headers.get('oci-filters-applied');
      return { digests: manifests.map(({ digest }) => digest), filters };
    };
    expect(await list('')).toEqual({ digests: [sbom.digest], filters: null });
    expect(await list('?artifactType=application/vnd.example.sbom')).toEqual({
      digests: [sbom.digest],
      filters: 'artifactType',
    });
    expect(await list('?artifactType=application/vnd.example.other')).toEqual({
      digests: [],
      filters: 'artifactType',
    });
    expect(await list('', NOBODY)).toEqual({ digests: [], filters: null });
    expect(await list('?artifactType=a', NOBODY)).toEqual({ digests: [], filters: 'artifactType' });
  });
});
