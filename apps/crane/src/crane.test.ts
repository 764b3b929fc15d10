import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import {
  blobPath,
  directoryTree,
  indexPath,
  layTree,
  manifestPath,
  openTree,
  POINTER_PATH,
} from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  sampleIndex,
  startMirror,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from './crane.fixture.ts';

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
    expect(logger.lines.filter(({ level }) => level === 'error').length).toBeGreaterThanOrEqual(4);
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
      ['/v2/app/tags/list?n=-1', 400, 'PAGINATION_NUMBER_INVALID'],
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

describe('mirrors', () => {
  test('blobs and digests are redirected to one that proves itself; tags to a trusted one only', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    const index = sampleIndex([image]);
    await layTree(folder.path, {
      repositories: [
        {
          name: 'app',
          tags: { latest: index.digest },
          manifests: [image.manifest, index.manifest],
          blobs: image.blobs,
        },
      ],
    });
    await using mirror = await startMirror({ directory: folder.path });
    for (const trusted of [false, true]) {
      await using crane = await startTestCrane({
        tree: folder.path,
        status: 307,
        mirrors: [{ name: 'one', url: `${mirror.url}/`, trusted }],
      });
      const locationOf = async (target: string) => {
        const response = await ask(crane, target);
        await response.arrayBuffer();
        return [response.status, response.headers.get('location')];
      };
      const indexFile = `${mirror.url}/${manifestPath('oci-index', index.digest)}`;
      expect(await locationOf(`/v2/app/blobs/${image.layer}`)).toEqual([
        307,
        `${mirror.url}/${blobPath(image.layer)}`,
      ]);
      expect(await locationOf(`/v2/app/manifests/${index.digest}`)).toEqual([307, indexFile]);
      expect(await locationOf('/v2/app/manifests/latest')).toEqual(trusted ? [307, indexFile] : [200, null]);
      const followed = await fetch(`${crane.url}/v2/app/manifests/${image.digest}`);
      expect(followed.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-manifest']);
      expect(digestOf(Buffer.from(await followed.arrayBuffer()))).toBe(image.digest);
    }
  });

  test('the Location follows from the configuration alone, whatever Host and forwarding headers say', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    await using mirror = await startMirror({ directory: folder.path });
    await using crane = await startTestCrane({
      tree: folder.path,
      mirrors: [{ name: 'one', url: mirror.url }],
    });
    const { port } = new URL(crane.url);
    const raw = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), '127.0.0.1', () =>
        socket.write(
          `GET http://evil.example/v2/app/blobs/${image.layer} HTTP/1.1\r\nHost: evil.example\r\n` +
            'X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: https\r\nForwarded: host=evil.example\r\n' +
            'Connection: close\r\n\r\n',
        ),
      );
      let text = '';
      socket
        .on('data', (chunk) => (text += String(chunk)))
        .on('end', () => resolve(text))
        .on('error', reject);
    });
    expect(raw).toContain(`Location: ${mirror.url}/${blobPath(image.layer)}\r\n`);
    expect(raw).not.toContain('evil');
  });

  test('a mirror with wrong Content-Types gets blobs, and the crane serves the manifests', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    const wrong: ((file: string) => string | undefined)[] = [
      () => 'application/octet-stream',
      () => 'text/plain',
      () => 'application/json',
      () => undefined,
    ];
    for (const contentType of wrong) {
      await using mirror = await startMirror({ directory: folder.path, faults: { contentType } });
      await using crane = await startTestCrane({
        tree: folder.path,
        mirrors: [{ name: 'one', url: mirror.url, trusted: true }],
      });
      const blob = await ask(crane, `/v2/app/blobs/${image.layer}`);
      expect(blob.status).toBe(302);
      for (const reference of ['latest', image.digest]) {
        const manifest = await ask(crane, `/v2/app/manifests/${reference}`);
        expect(manifest.status).toBe(200);
        expect(manifest.headers.get('content-type')).toBe(MANIFEST_MEDIA_TYPES['oci-manifest']);
        expect(digestOf(Buffer.from(await manifest.arrayBuffer()))).toBe(image.digest);
      }
      await using redirecting = await startTestCrane({
        tree: folder.path,
        manifests: 'redirect',
        mirrors: [{ name: 'one', url: mirror.url, trusted: true }],
      });
      expect((await ask(redirecting, '/v2/app/manifests/latest')).status).toBe(302);
    }
  });

  test('one that lags gets requests for what it has; the rest waits for it, or goes to a trusted one', async () => {
    await using folder = await temporaryFolder();
    const [old, fresh] = [sampleImage(), sampleImage()];
    await layTree(folder.path, { repositories: [repositoryOf('app', { old })] });
    await using lagging = await startMirror();
    await lagging.copyFrom(folder.path);
    await layTree(folder.path, { repositories: [repositoryOf('app', { old, fresh })] });
    await using crane = await startTestCrane({
      tree: folder.path,
      mirrors: [{ name: 'late', url: lagging.url }],
    });
    const statusOf = async (target: string) => {
      const response = await ask(crane, target);
      await response.arrayBuffer();
      return response.status;
    };
    expect(await statusOf(`/v2/app/blobs/${old.layer}`)).toBe(302);
    expect(await statusOf(`/v2/app/blobs/${fresh.layer}`)).toBe(503);
    expect(await statusOf(`/v2/app/manifests/${fresh.digest}`)).toBe(200);
    await using origin = await startMirror({ directory: folder.path });
    await using backed = await startTestCrane({
      tree: folder.path,
      mirrors: [
        { name: 'late', url: lagging.url },
        { name: 'origin', url: origin.url, trusted: true },
      ],
    });
    const response = await ask(backed, `/v2/app/blobs/${fresh.layer}`);
    expect(response.headers.get('location')).toBe(`${origin.url}/${blobPath(fresh.layer)}`);

    await lagging.copyFrom(folder.path);
    await until(async () => (await statusOf(`/v2/app/blobs/${fresh.layer}`)) === 302);
  });

  test('one that is down gets nothing, unless it is trusted and the last', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    const mirror = await startMirror({ directory: folder.path });
    const down = { url: mirror.url, port: mirror.port };
    await mirror[Symbol.asyncDispose]();
    const blob = `/v2/app/blobs/${image.layer}`;
    await using crane = await startTestCrane({
      tree: folder.path,
      mirrors: [{ name: 'down', url: down.url }],
    });
    const refused = await ask(crane, blob);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    expect((await ask(crane, blob, { method: 'HEAD' })).status).toBe(200);
    await using trusting = await startTestCrane({
      tree: folder.path,
      mirrors: [{ name: 'down', url: down.url, trusted: true }],
    });
    expect((await ask(trusting, blob)).status).toBe(302);
    expect((await ask(trusting, '/v2/app/manifests/latest')).status).toBe(200);

    await using _up = await startMirror({ directory: folder.path, port: down.port });
    await until(async () => (await ask(crane, blob)).status === 302);
  });

  test('one that is on the crane’s own name is refused at the start, as clients would send it their credentials', async () => {
    await using folder = await temporaryFolder();
    for (const url of ['https://registry.example.org/tree', 'https://dl.registry.example.org']) {
      const start = startTestCrane({
        tree: folder.path,
        name: 'registry.example.org',
        mirrors: [{ name: 'one', url }],
      });
      await expect(start).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });
    }
  });
});

describe('the tree', () => {
  test('may be absent: the base answers, names are 404, and readiness says so, until the first serial', async () => {
    await using folder = await temporaryFolder();
    const tree = path.join(folder.path, 'not', 'there', 'yet');
    await using crane = await startTestCrane({ tree, adminListen: { host: '127.0.0.1', port: 0 } });
    const image = sampleImage();
    const ready = async () => (await fetch(`${crane.adminUrl}/readyz`)).status;
    expect((await ask(crane, '/v2/')).status).toBe(200);
    expect(await codeOf(await ask(crane, '/v2/app/manifests/latest'))).toBe('NAME_UNKNOWN');
    expect([await ready(), (await fetch(`${crane.adminUrl}/healthz`)).status, crane.serial()]).toEqual([
      503,
      200,
      undefined,
    ]);
    await layTree(tree, { repositories: [repositoryOf('app', { latest: image })] });
    await until(async () => (await ask(crane, '/v2/app/manifests/latest')).status === 200);
    await until(async () => (await ready()) === 200);
    expect(crane.serial()).toBe(1);
  });

  test('a new serial is seen by itself, in a directory and behind a URL', async () => {
    await using folder = await temporaryFolder();
    await using server = await startMirror({ directory: folder.path });
    const [first, second] = [sampleImage(), sampleImage()];
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: first })] });
    await using near = await startTestCrane({ tree: folder.path });
    await using far = await startTestCrane({ tree: server.url });
    const digestAt = async (crane: typeof near) =>
      (await ask(crane, '/v2/app/manifests/latest', { method: 'HEAD' })).headers.get('docker-content-digest');
    expect([await digestAt(near), await digestAt(far)]).toEqual([first.digest, first.digest]);
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: second })] });
    await until(async () => (await digestAt(near)) === second.digest);
    await until(async () => (await digestAt(far)) === second.digest);
    const served = await ask(far, '/v2/app/manifests/latest');
    expect(digestOf(Buffer.from(await served.arrayBuffer()))).toBe(second.digest);
    // Behind a URL there is no file to stream: blobs are a mirror's.
    expect((await ask(far, `/v2/app/blobs/${second.layer}`)).status).toBe(503);
  });

  test('refresh returns when the present serial is served', async () => {
    await using folder = await temporaryFolder();
    await using mirror = await startMirror({ directory: folder.path });
    await using crane = await startTestCrane({
      tree: folder.path,
      pollMs: 60_000,
      mirrors: [{ name: 'one', url: mirror.url }],
    });
    for (let serial = 1; serial <= 5; serial++) {
      const image = sampleImage();
      await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
      await crane.refresh();
      expect(crane.serial()).toBe(serial);
      expect((await ask(crane, `/v2/app/blobs/${image.layer}`)).status).toBe(302);
    }
  });

  test('a repository whose document is lost keeps its last good state, and an unknown one is 503 then', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, {
      repositories: [repositoryOf('app', { latest: image }), repositoryOf('never-asked', { latest: image })],
    });
    const logger = testLog();
    await using crane = await startTestCrane({ tree: folder.path, logger });
    expect((await ask(crane, '/v2/app/manifests/latest')).status).toBe(200);
    const second = sampleImage();
    await layTree(folder.path, {
      repositories: [
        repositoryOf('app', { latest: second }),
        repositoryOf('never-asked', { latest: second }),
      ],
    });
    await rename(path.join(folder.path, 'pool', 'index'), path.join(folder.path, 'pool', 'gone'));
    await crane.refresh();
    expect(crane.serial()).toBe(1);
    expect(
      (await ask(crane, '/v2/app/manifests/latest', { method: 'HEAD' })).headers.get('docker-content-digest'),
    ).toBe(image.digest);
    const unknown = await ask(crane, '/v2/never-asked/manifests/latest');
    expect([unknown.status, await codeOf(unknown)]).toEqual([503, 'UNAVAILABLE']);
    await rename(path.join(folder.path, 'pool', 'gone'), path.join(folder.path, 'pool', 'index'));
    await until(async () => (await ask(crane, '/v2/never-asked/manifests/latest')).status === 200);
    expect(logger.lines.some(({ level }) => level === 'error')).toBe(true);
  });

  test('a garbled document of one repository leaves the others alone, and its own last good state', async () => {
    await using folder = await temporaryFolder();
    const [first, second] = [sampleImage(), sampleImage()];
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: first })] });
    await using crane = await startTestCrane({ tree: folder.path });
    expect((await ask(crane, '/v2/app/manifests/latest')).status).toBe(200);
    await using staging = await temporaryFolder();
    await cp(folder.path, staging.path, { recursive: true });
    await layTree(staging.path, {
      repositories: [repositoryOf('app', { latest: second }), repositoryOf('other', { latest: second })],
    });
    const view = await openTree(directoryTree(staging.path));
    const document = path.join(
      staging.path,
      indexPath((await view?.repositoryDigest('app')) ?? first.digest),
    );
    await rm(document);
    await writeFile(document, '{"format":1,"name":"app"');
    for (const part of ['pool', 'lists', 'serial']) {
      await cp(path.join(staging.path, part), path.join(folder.path, part), { recursive: true });
    }
    await crane.refresh();
    expect(crane.serial()).toBe(2);
    const digestAt = async (target: string) =>
      (await ask(crane, target, { method: 'HEAD' })).headers.get('docker-content-digest');
    expect(await digestAt('/v2/app/manifests/latest')).toBe(first.digest);
    expect(await digestAt('/v2/other/manifests/latest')).toBe(second.digest);
  });

  test('is never followed back, also not across a restart', async () => {
    await using folder = await temporaryFolder();
    const tree = path.join(folder.path, 'tree');
    const serialFile = path.join(folder.path, 'state', 'serial');
    await layTree(tree, { repositories: [repositoryOf('app', { old: sampleImage() })] });
    await cp(tree, path.join(folder.path, 'backup'), { recursive: true });
    await layTree(tree, { repositories: [repositoryOf('app', { fresh: sampleImage() })] });
    const goBack = () =>
      cp(path.join(folder.path, 'backup', POINTER_PATH), path.join(tree, POINTER_PATH), { force: true });
    const statusOf = async (crane: { url: string }, tag: string) =>
      (await fetch(`${crane.url}/v2/app/manifests/${tag}`, { method: 'HEAD' })).status;
    {
      const logger = testLog();
      await using crane = await startTestCrane({ tree, serialFile, logger });
      await rm(path.join(tree, POINTER_PATH));
      await goBack();
      await crane.refresh();
      expect([crane.serial(), await statusOf(crane, 'fresh'), await statusOf(crane, 'old')]).toEqual([
        2, 200, 404,
      ]);
      expect(logger.lines).toContainEqual({
        level: 'error',
        message: expect.stringMatching(/serial 1 .* refused.* never goes back/) as string,
      });
    }
    const logger = testLog();
    await using again = await startTestCrane({ tree, serialFile, logger });
    expect([again.serial(), await statusOf(again, 'old')]).toEqual([undefined, 503]);
    expect(logger.lines.some(({ level }) => level === 'error')).toBe(true);
  });

  test('with another id, or a fork, is refused and the last good state kept', async () => {
    await using folder = await temporaryFolder();
    const tree = path.join(folder.path, 'tree');
    const image = sampleImage();
    await layTree(tree, { repositories: [repositoryOf('app', { latest: image })] });
    await using crane = await startTestCrane({ tree });
    for (const [id, serial] of [
      ['tree-laid-from-memory', 1],
      ['another', 7],
    ] as const) {
      const other = path.join(folder.path, id);
      await layTree(other, { tree: id, serial, repositories: [repositoryOf('evil', { latest: image })] });
      await cp(other, tree, { recursive: true, force: true });
      await crane.refresh();
      expect(crane.serial()).toBe(1);
      expect((await ask(crane, '/v2/evil/tags/list')).status).toBe(404);
      expect((await ask(crane, '/v2/app/tags/list')).status).toBe(200);
    }
  });

  test('that is expired is served, and alarmed', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, {
      repositories: [repositoryOf('app', { latest: image })],
      publishedMs: Date.now() - 30 * 24 * 3600 * 1000,
    });
    const logger = testLog();
    await using mirror = await startMirror({ directory: folder.path });
    await using crane = await startTestCrane({
      tree: folder.path,
      adminListen: { host: '127.0.0.1', port: 0 },
      mirrors: [{ name: 'one', url: mirror.url }],
      logger,
    });
    expect((await ask(crane, `/v2/app/blobs/${image.layer}`)).status).toBe(302);
    expect(logger.lines.filter(({ message }) => message.includes('expired')).length).toBe(1);
    expect(await (await fetch(`${crane.adminUrl}/metrics`)).text()).toMatch(
      /^gantry_crane_serial_expired\{service="crane"\} 1$/m,
    );
  });
});

describe('operation', () => {
  test('metrics tell requests, redirects, the serial and each mirror', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage();
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    await using mirror = await startMirror({ directory: folder.path });
    await using crane = await startTestCrane({
      tree: folder.path,
      adminListen: { host: '127.0.0.1', port: 0 },
      manifests: 'serve',
      mirrors: [{ name: 'one', url: mirror.url }],
    });
    for (let count = 0; count < 3; count++) {
      await ask(crane, `/v2/app/blobs/${image.layer}`);
      await (await ask(crane, '/v2/app/manifests/latest')).arrayBuffer();
      await ask(crane, '/v2/none/tags/list');
    }
    await ask(crane, '/v2/app/manifests/latest', { headers: { 'if-none-match': '*' } });
    const text = await (await fetch(`${crane.adminUrl}/metrics`)).text();
    const again = await (await fetch(`${crane.adminUrl}/metrics`)).text();
    const lines = [
      'gantry_crane_requests_total{route="blob",status="302",service="crane"} 3',
      'gantry_crane_requests_total{route="manifest",status="200",service="crane"} 3',
      'gantry_crane_requests_total{route="manifest",status="304",service="crane"} 1',
      'gantry_crane_requests_total{route="tags",status="404",service="crane"} 3',
      'gantry_crane_redirects_total{mirror="one",service="crane"} 3',
      'gantry_crane_manifests_served_total{service="crane"} 3',
      'gantry_crane_serial{service="crane"} 1',
      'gantry_crane_mirror_serial{mirror="one",service="crane"} 1',
      'gantry_crane_mirror_up{mirror="one",service="crane"} 1',
      'gantry_crane_mirror_kind_proven{mirror="one",kind="oci-manifest",service="crane"} 1',
      'gantry_crane_mirror_kind_proven{mirror="one",kind="docker-list",service="crane"} 0',
    ];
    for (const line of lines)
      expect([text, again].map((all) => all.includes(`\n${line}\n`))).toEqual([true, true]);
    expect((await ask(crane, '/metrics')).status).toBe(404);
  });

  test('a port that is taken is an error that names it', async () => {
    await using folder = await temporaryFolder();
    await using first = await startTestCrane({ tree: folder.path });
    const port = Number(new URL(first.url).port);
    await expect(
      startTestCrane({ tree: folder.path, listen: { host: '127.0.0.1', port } }),
    ).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
      message: expect.stringContaining(`${port}`) as string,
    });
  });

  test('its end lets a blob under way come to its end', async () => {
    await using folder = await temporaryFolder();
    const image = sampleImage({ sizeBytes: 8 * 1024 * 1024 });
    await layTree(folder.path, { repositories: [repositoryOf('app', { latest: image })] });
    const crane = await startTestCrane({ tree: folder.path });
    const response = await ask(crane, `/v2/app/blobs/${image.layer}`);
    const ended = crane[Symbol.asyncDispose]();
    const bytes = Buffer.from(await response.arrayBuffer());
    await ended;
    expect(digestOf(bytes)).toBe(image.layer);
    await expect(ask(crane, '/v2/')).rejects.toThrow();
  });

  test('a serial file that is not a crane’s stops the start', async () => {
    await using folder = await temporaryFolder();
    const serialFile = path.join(folder.path, 'serial');
    await writeFile(serialFile, 'garbage');
    await expect(startTestCrane({ tree: folder.path, serialFile })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    });
    await rm(serialFile);
    await mkdir(serialFile);
    await expect(startTestCrane({ tree: folder.path, serialFile })).rejects.toMatchObject({
      code: 'CONFIGURATION_INVALID',
    });
  });
});
