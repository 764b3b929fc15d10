import { type Digest, digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import {
  type MadeManifest,
  makeArtifact,
  makeBlob,
  makeImage,
  makeIndex,
  makeLayer,
  makeManifest,
  makeSbom,
} from '@gantry/registry';
import type { LaidContent, LaidRepository } from '@gantry/tree';

// What the cranes of these tests publish: a repository with all that the specification speaks of, and one with many tags.

const NAME = 'team/app';
const amd64 = imageOf('amd64', 'oci');
const arm64 = imageOf('arm64', 'oci');
const dockerImage = imageOf('amd64', 'docker');
const index = makeIndex([amd64, arm64]);
const list = makeIndex([dockerImage], { format: 'docker' });

/** Known by a sha512 digest, as its layer is. */
const layer512 = {
  bytes: Buffer.from('a layer named by its sha512'),
  digest: sha512('a layer named by its sha512'),
};
const image512 = makeManifest(MANIFEST_MEDIA_TYPES['oci-manifest'], {
  schemaVersion: 2,
  mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
  config: described(amd64.blobs[0] as LaidBlob),
  layers: [described({ ...layer512, mediaType: 'application/vnd.oci.image.layer.v1.tar' })],
});
const digest512 = sha512(image512.bytes);

const sbom = makeSbom(index, 'app');
/** Says what it is by its config alone. */
const chart = makeArtifact({
  config: makeBlob('application/vnd.example.chart.config.v1+json', '{"chart":1}'),
  layers: [makeBlob('application/vnd.example.chart', 'chart')],
  subject: index,
  annotations: { 'org.example.made-by': 'the tests', 'org.example.chart': 'app' },
});
/** An index that refers to another, and does not say what it is. */
const group = makeManifest(MANIFEST_MEDIA_TYPES['oci-index'], {
  schemaVersion: 2,
  mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
  manifests: [],
  subject: described(index),
  annotations: { 'org.example.group': 'yes' },
});
const empty = makeBlob('application/vnd.oci.image.layer.v1.tar', '');
const large = makeBlob('application/vnd.oci.image.layer.v1.tar', Buffer.alloc(100_000, 'all of a layer'));

/** Tags on which an order shows, the longest that there may be among them. */
export const TAGS = [
  'latest',
  'v1',
  'V1',
  'v2',
  '10',
  '9',
  '1.0',
  '__proto__',
  '_',
  'docker',
  'list',
  `x${'y'.repeat(127)}`,
];

export const APP = {
  name: NAME,
  /** A manifest of each kind, with a tag that leads to it. */
  kinds: [
    { tag: 'latest', made: index },
    { tag: 'v1', made: amd64 },
    { tag: 'docker', made: dockerImage },
    { tag: 'list', made: list },
  ],
  index,
  image: amd64,
  image512: { bytes: image512.bytes, digest: digest512 },
  layer512,
  empty,
  large,
  referrers: { sbom, chart, group },
} as const;

const tagged = new Map<string, MadeManifest>([
  ['latest', index],
  ['docker', dockerImage],
  ['list', list],
]);

const app: LaidRepository = {
  name: NAME,
  tags: new Map(TAGS.map((tag) => [tag, (tagged.get(tag) ?? amd64).digest])),
  manifests: [
    ...[amd64, arm64, index, dockerImage, list, sbom, chart, group].map(({ bytes }) => bytes),
    { bytes: image512.bytes, digest: digest512 },
  ],
  blobs: [
    ...[amd64, arm64, dockerImage, sbom, chart].flatMap(({ blobs }) => blobs.map(({ bytes }) => bytes)),
    empty.bytes,
    large.bytes,
    layer512 satisfies LaidContent,
  ],
};

/** More tags than one answer has. */
export const CROWD = {
  name: 'crowd',
  tags: Array.from({ length: 10_500 }, (_, at) => `t${String(at).padStart(5, '0')}`),
} as const;

const crowd: LaidRepository = {
  name: CROWD.name,
  tags: new Map(CROWD.tags.map((tag) => [tag, amd64.digest])),
  manifests: [amd64.bytes],
  blobs: amd64.blobs.map(({ bytes }) => bytes),
};

export const PUBLISHED: readonly LaidRepository[] = [app, crowd];

/** What nobody has. */
export const NOBODY: Digest = `sha256:${'0'.repeat(64)}`;

type LaidBlob = { readonly mediaType: string; readonly digest: Digest; readonly bytes: Uint8Array };

function imageOf(architecture: string, format: 'oci' | 'docker'): MadeManifest {
  const layers = [makeLayer([{ path: '/hello', content: `${format} ${architecture}` }], format)];
  return makeImage({ platform: { os: 'linux', architecture }, layers, format });
}

function described({ mediaType, digest, bytes }: LaidBlob) {
  return { mediaType, digest, size: bytes.length };
}

function sha512(bytes: Uint8Array | string): Digest {
  return digestOf(bytes, 'sha512');
}
