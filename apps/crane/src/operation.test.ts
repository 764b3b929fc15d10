import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startMirror,
  startTestCrane,
  temporaryFolder,
} from './crane.fixture.ts';

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
    await expect(ask(crane, '/v2/')).rejects.toThrow('fetch failed');
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
