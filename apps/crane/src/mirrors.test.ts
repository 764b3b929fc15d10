import { connect } from 'node:net';
import { digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { blobPath, layTree, manifestPath } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  sampleIndex,
  startMirror,
  startTestCrane,
  temporaryFolder,
  until,
} from './crane.fixture.ts';

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
      const locationOf = async (target: string, headers: Readonly<Record<string, string>> = {}) => {
        const response = await ask(crane, target, { headers });
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
      const docker = { 'user-agent': 'docker/28.2.2 go/go1.24.4 os/linux arch/amd64' };
      expect(await locationOf(`/v2/app/manifests/${index.digest}`, docker)).toEqual(
        trusted ? [307, indexFile] : [200, null],
      );
      expect(await locationOf(`/v2/app/blobs/${image.layer}`, docker)).toEqual([
        307,
        `${mirror.url}/${blobPath(image.layer)}`,
      ]);
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

    await using recovered = await startMirror({ directory: folder.path, port: down.port });
    await until(async () => (await ask(crane, blob)).status === 302);
    expect(recovered.requests.length).toBeGreaterThan(0);
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
