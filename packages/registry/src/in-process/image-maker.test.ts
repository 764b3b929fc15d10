import { gunzipSync } from 'node:zlib';
import { digestOf, parseManifest, platformName } from '@gantry/oci';
import {
  makeArtifact,
  makeBlob,
  makeChart,
  makeImage,
  makeIndex,
  makeLayer,
  makeSbom,
  makeSignature,
} from './image-maker.ts';

const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
const makeOne = (format: 'oci' | 'docker') =>
  makeImage({
    platform,
    layers: [
      makeLayer([{ path: '/a', content: 'a' }], format),
      makeLayer([{ path: '/b', content: 'b' }], format),
    ],
    labels: { one: '1' },
    format,
  });

describe.each(['oci', 'docker'] as const)('an image of format %s', (format) => {
  const image = makeOne(format);
  const manifest = parseManifest(image.bytes, image.mediaType);

  test('is a manifest that is accepted, with all its blobs', () => {
    expect(manifest.kind).toBe(format === 'oci' ? 'oci-manifest' : 'docker-manifest');
    expect(manifest.digest).toBe(image.digest);
    const { blobs } = image;
    expect(manifest.blobs).toEqual(blobs.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })));
  });

  test('has a config that lists what its layers unpack to', () => {
    const [config, ...layers] = image.blobs;
    const { rootfs, os, architecture, variant, config: run } = JSON.parse(config?.bytes.toString() ?? '');
    expect(rootfs.diff_ids).toEqual(layers.map(({ bytes }) => digestOf(gunzipSync(bytes))));
    expect([platformName({ os, architecture, variant }), run.Labels]).toEqual(['linux/arm/v7', { one: '1' }]);
  });

  test('is the same each time', () => {
    expect(makeOne(format).digest).toBe(image.digest);
    expect(image.blobs.at(-1)?.bytes.subarray(4, 10)).toEqual(Buffer.from([0, 0, 0, 0, 0, 255]));
  });
});

test('an index names its children with their platforms, also another index', () => {
  const inner = makeIndex([makeOne('oci')], { annotations: { a: 'b' } });
  const outer = makeIndex([inner, makeOne('docker')]);
  expect(parseManifest(outer.bytes).manifests.map((child) => child.platform)).toEqual([undefined, platform]);
  expect(parseManifest(inner.bytes).annotations).toEqual({ a: 'b' });
  expect(parseManifest(makeIndex([], { format: 'docker' }).bytes).kind).toBe('docker-list');
});

test('artifacts say what they are and what they refer to', () => {
  const image = makeOne('oci');
  const sbom = parseManifest(makeSbom(image, 'one').bytes);
  expect([sbom.subject, sbom.artifactType]).toEqual([image.digest, 'application/spdx+json']);
  const signature = makeSignature('team/app', image);
  expect(signature.blobs[1]?.bytes.toString()).toContain(image.digest);
  expect(parseManifest(makeChart('web', '1.0.0').bytes).artifactType).toBe(
    'application/vnd.cncf.helm.config.v1+json',
  );
  const plain = makeArtifact({ layers: [makeBlob('text/plain', 'x')], annotations: { a: 'b' } });
  expect(parseManifest(plain.bytes)).toMatchObject({
    artifactType: 'application/vnd.oci.empty.v1+json',
    annotations: { a: 'b' },
  });
});
