import { blobPath } from '@gantry/tree';
import type { TestMirror } from '../crane.fixture.ts';
import { ALL_WELL, openScene } from './probe-scene.fixture.ts';

/** What a probe reads whole: of a mirror that has other bytes than the tree, it finds that out. */

const isManifest = (file: string) => file.startsWith('pool/manifests/');

/** Zeros in place of some files. */
const spoilt: (which: (file: string) => boolean) => TestMirror['faults'] = (which) => ({
  bytes: (file, bytes) => (which(file) ? Buffer.alloc(bytes.length) : bytes),
});

describe('a mirror that is believed and then has other bytes', () => {
  test('is not used once a sample shows it, until just that object is right again', async () => {
    await using scene = await openScene();
    let state = await scene.probe();
    expect(state).toMatchObject(ALL_WELL);
    const layer = blobPath(scene.first.layer);
    scene.mirror.faults = spoilt((file) => file === layer);
    for (let probes = 0; state.healthy && probes < 200; probes++) state = await scene.probe(state);
    for (let probes = 0; probes < 10; probes++) {
      expect(state).toMatchObject({
        healthy: false,
        serial: 1,
        problem: `${layer} does not come with its own bytes`,
      });
      state = await scene.probe(state);
    }
    scene.mirror.faults = {};
    expect(await scene.probe(state)).toMatchObject(ALL_WELL);
  });

  test('is not used when a manifest shows it', async () => {
    await using scene = await openScene();
    const former = await scene.probe();
    scene.mirror.faults = spoilt(isManifest);
    expect(await scene.probe(former)).toMatchObject({
      healthy: false,
      problem: expect.stringContaining('its own bytes') as string,
    });
  });

  test('is not used when what a client came back for shows it', async () => {
    await using scene = await openScene();
    const former = await scene.probe();
    const { layer, blobs } = scene.first;
    const place = blobPath(layer);
    const sha256 = layer.slice('sha256:'.length);
    const doubted = { path: place, size: blobs[1]?.length ?? 0, sha256, since: 1 };
    expect(await scene.probe(former, undefined, [doubted])).toMatchObject(ALL_WELL);
    scene.mirror.faults = spoilt((file) => file === place);
    const problem = `${place} does not come with its own bytes`;
    expect(await scene.probe(former, undefined, [doubted])).toMatchObject({ healthy: false, problem });
    scene.mirror.faults = { status: (file) => (file === place ? 404 : undefined) };
    const lost = `${place} is answered with 404`;
    expect(await scene.probe(former, undefined, [doubted])).toMatchObject({ healthy: false, problem: lost });
    scene.mirror.faults = { status: (file) => (file === place ? 503 : undefined) };
    expect(await scene.probe(former, undefined, [doubted])).toMatchObject({ healthy: false });
  });

  test('is looked at for what is too large to be read', async () => {
    await using scene = await openScene();
    const former = await scene.probe();
    const { layer } = scene.first;
    const doubted = {
      path: blobPath(layer),
      size: 100 * 1024 * 1024,
      sha256: layer.slice('sha256:'.length),
      since: 1,
    };
    expect(await scene.probe(former, undefined, [doubted])).toMatchObject({
      healthy: false,
      problem: expect.stringContaining('bytes there, not 104857600') as string,
    });
  });
});

test('a new serial is not believed before its blobs, its manifests and its documents have their own bytes', async () => {
  for (const folder of ['pool/blobs/', 'pool/manifests/', 'pool/index/']) {
    await using scene = await openScene();
    scene.mirror.faults = {
      bytes: (file, bytes) => (file.startsWith(folder) ? Buffer.alloc(bytes.length) : bytes),
    };
    expect(await scene.probe()).toMatchObject({ healthy: false, serial: 0 });
  }
});

test('a mirror that lags may lack what is newer, and is used for the rest', async () => {
  await using scene = await openScene();
  const former = await scene.probe();
  await scene.publish();
  const { layer } = scene.second;
  const doubted = { path: blobPath(layer), size: 1000, sha256: layer.slice('sha256:'.length), since: 2 };
  for (let probes = 0; probes < 10; probes++)
    expect(await scene.probe(former, undefined, [doubted])).toMatchObject(ALL_WELL);
});
