import { cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { directoryTree, indexPath, layTree, openTree, POINTER_PATH } from '@gantry/tree';
import type { Crane } from '../crane.ts';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from '../crane.fixture.ts';

async function codeOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toBe('application/json');
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  return errors[0]?.code ?? '';
}

async function statusOf(crane: Crane, tag: string): Promise<number> {
  return (await ask(crane, `/v2/app/manifests/${tag}`, { method: 'HEAD' })).status;
}

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
    // Away before the new serial is there, or the crane might have read it by then.
    await using staging = await temporaryFolder();
    await cp(folder.path, staging.path, { recursive: true });
    await layTree(staging.path, {
      repositories: [
        repositoryOf('app', { latest: second }),
        repositoryOf('never-asked', { latest: second }),
      ],
    });
    await rm(path.join(folder.path, 'pool', 'index'), { recursive: true });
    const copy = (part: string) =>
      cp(path.join(staging.path, part), path.join(folder.path, part), { recursive: true });
    for (const part of ['lists', 'serial']) await copy(part);
    await crane.refresh();
    expect(crane.serial()).toBe(1);
    expect(
      (await ask(crane, '/v2/app/manifests/latest', { method: 'HEAD' })).headers.get('docker-content-digest'),
    ).toBe(image.digest);
    const unknown = await ask(crane, '/v2/never-asked/manifests/latest');
    expect([unknown.status, await codeOf(unknown)]).toEqual([503, 'UNAVAILABLE']);
    await copy('pool');
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

  test('is no fork of what was served before a restart', async () => {
    await using folder = await temporaryFolder();
    const serialFile = path.join(folder.path, 'serial');
    const [one, other] = [path.join(folder.path, 'one'), path.join(folder.path, 'other')];
    await layTree(one, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
    await layTree(other, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
    {
      await using crane = await startTestCrane({ tree: one, serialFile });
      expect(crane.serial()).toBe(1);
    }
    const logger = testLog();
    await using crane = await startTestCrane({ tree: other, serialFile, logger });
    expect([crane.serial(), await statusOf(crane, 'latest')]).toEqual([undefined, 503]);
    expect(logger.lines.map(({ message }) => message).join()).toContain('fork');
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
