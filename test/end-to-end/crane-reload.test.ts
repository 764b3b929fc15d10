import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { layTree } from '@gantry/tree';
import { embeddedConfiguration, startGantry, writeConfiguration } from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

const BLOB = Buffer.from('a layer');
const MANIFEST = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(BLOB),
      size: BLOB.length,
    },
    layers: [],
  }),
);

/** Nobody answers there: as the last resort a trusted mirror is named all the same. */
function mirror(name: string) {
  return { name, url: `http://127.0.0.1:9/${name}`, trusted: true };
}

test('at SIGHUP a crane takes the mirrors of its file as it is then; one that can not be used changes nothing', async () => {
  await using folder = await temporaryFolder('crane-reload');
  await layTree(path.join(folder.path, 'data/tree'), {
    repositories: [
      { name: 'app', tags: new Map([['latest', digestOf(MANIFEST)]]), manifests: [MANIFEST], blobs: [BLOB] },
    ],
  });
  const configuration = await embeddedConfiguration({ crane: { mirrors: [] } });
  const withMirrors = (mirrors: readonly object[]) => ({
    ...configuration,
    crane: { ...configuration.crane, mirrors },
  });
  await using crane = await startGantry({
    folder: folder.path,
    configuration: withMirrors([mirror('first')]),
    service: 'crane',
  });
  const location = async () => {
    const answer = await fetch(`http://${crane.crane}/v2/app/blobs/${digestOf(BLOB)}`, {
      redirect: 'manual',
    });
    return answer.headers.get('location') ?? String(answer.status);
  };
  expect(await location()).toContain('/first/pool/blobs/');

  await writeConfiguration(folder.path, withMirrors([mirror('second')]));
  process.kill(crane.pid, 'SIGHUP');
  await until('the second mirror', async () => (await location()).includes('/second/pool/blobs/'));

  await writeConfiguration(folder.path, withMirrors([{ ...mirror('third'), networks: ['nonsense'] }]));
  process.kill(crane.pid, 'SIGHUP');
  await until('the refusal', () => crane.log().includes('configuration.refused'));
  expect(crane.log()).toContain('crane.mirrors[0].networks[0]');
  expect(await location()).toContain('/second/pool/blobs/');
  const metrics = await (await fetch(`${crane.admin}/metrics`)).text();
  expect(metrics).toMatch(/gantry_crane_reload_failures_total\{reason="configuration"[^}]*\} 1/);
  expect(await crane.stop()).toEqual({ code: 0, signal: null });
}, 60_000);
