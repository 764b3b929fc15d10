import { gzipSync } from 'node:zlib';
import { type Descriptor, type Digest, digestOf, MANIFEST_MEDIA_TYPES, type Platform } from '@gantry/oci';
import { type LayerFile, tarOf } from './tar.ts';

/** Bytes that a manifest refers to. */
export interface MadeBlob {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly size: number;
}

/** A layer of an image: gzip'd tar. `diffId` is the digest of the tar, as the config lists it. */
export interface MadeLayer extends MadeBlob {
  readonly diffId: Digest;
}

/** A manifest with all it needs: push its blobs, then its children, then itself. */
export interface MadeManifest extends MadeBlob {
  readonly blobs: readonly MadeBlob[];
  readonly children: readonly MadeManifest[];
  /** What its descriptor in an index says of it. */
  readonly platform?: Platform;
}

export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPES = {
  oci: 'application/vnd.oci.image.layer.v1.tar+gzip',
  docker: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;
// A fixed time, so that the same input gives the same digest on any day.
const CREATED = '2026-01-01T00:00:00Z';

/** A blob of `bytes`. */
export function makeBlob(mediaType: string, bytes: Uint8Array | string): MadeBlob {
  const buffer = Buffer.from(bytes);
  return { mediaType, bytes: buffer, digest: digestOf(buffer), size: buffer.length };
}

/** A real layer that holds `files`: clients unpack it. */
export function makeLayer(files: readonly LayerFile[], format: 'oci' | 'docker' = 'oci'): MadeLayer {
  const tar = tarOf(files);
  return { ...makeBlob(LAYER_TYPES[format], gzip(tar)), diffId: digestOf(tar) };
}

/**
 * An image of `layers`, in their order.
 * @param options.format which media types it has; its layers should have been made for the same
 */
export function makeImage(options: {
  platform: Platform;
  layers: readonly MadeLayer[];
  labels?: Readonly<Record<string, string>>;
  command?: readonly string[];
  annotations?: Readonly<Record<string, string>>;
  format?: 'oci' | 'docker';
}): MadeManifest {
  const { platform, layers, labels = {}, command = ['/hello'], format = 'oci' } = options;
  const config = makeBlob(
    format === 'oci' ? OCI_CONFIG : DOCKER_CONFIG,
    JSON.stringify({
      ...platform,
      created: CREATED,
      config: { Cmd: command, Env: ['PATH=/'], Labels: labels },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
      history: layers.map(() => ({ created: CREATED, created_by: 'sample' })),
    }),
  );
  return manifestOf(
    MANIFEST_MEDIA_TYPES[format === 'oci' ? 'oci-manifest' : 'docker-manifest'],
    {
      config: descriptorOf(config),
      layers: layers.map((layer) => descriptorOf(layer)),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    { blobs: [config, ...layers], platform },
  );
}

/** An index, or a Docker manifest list, of images or of further indexes. */
export function makeIndex(
  children: readonly MadeManifest[],
  options: { format?: 'oci' | 'docker'; annotations?: Readonly<Record<string, string>> } = {},
): MadeManifest {
  return manifestOf(
    MANIFEST_MEDIA_TYPES[options.format === 'docker' ? 'docker-list' : 'oci-index'],
    {
      manifests: children.map((child) => descriptorOf(child)),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
    },
    { children },
  );
}

/**
 * An artifact in the manner of the image specification, "Guidelines for Artifact Usage".
 * @param options.config absent: the empty descriptor, and `artifactType` says what it is
 */
export function makeArtifact(options: {
  artifactType?: string;
  config?: MadeBlob;
  layers: readonly MadeBlob[];
  /** What it refers to. */
  subject?: MadeManifest;
  annotations?: Readonly<Record<string, string>>;
  layerAnnotations?: Readonly<Record<string, string>>;
}): MadeManifest {
  const { artifactType, layers, subject, annotations, layerAnnotations } = options;
  const config = options.config ?? makeBlob('application/vnd.oci.empty.v1+json', '{}');
  const extra = layerAnnotations === undefined ? {} : { annotations: layerAnnotations };
  return manifestOf(
    MANIFEST_MEDIA_TYPES['oci-manifest'],
    {
      ...(artifactType === undefined ? {} : { artifactType }),
      config: descriptorOf(config),
      layers: layers.map((layer) => ({ ...descriptorOf(layer), ...extra })),
      ...(subject === undefined ? {} : { subject: descriptorOf({ ...subject, platform: undefined }) }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    { blobs: [config, ...layers] },
  );
}

/** An SPDX bill of materials that refers to `subject`. */
export function makeSbom(subject: MadeManifest, name: string): MadeManifest {
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name,
    documentNamespace: `https://example.org/spdx/${subject.digest}`,
    creationInfo: { created: CREATED, creators: ['Tool: gantry-sample'] },
    packages: [{ SPDXID: 'SPDXRef-Package', name, downloadLocation: 'NOASSERTION', filesAnalyzed: false }],
  };
  return makeArtifact({
    artifactType: 'application/spdx+json',
    layers: [makeBlob('application/spdx+json', JSON.stringify(document))],
    subject,
    annotations: { 'org.opencontainers.image.created': CREATED },
  });
}

/** What cosign pushes as `sha256-<hex>.sig` beside the image that it signs. The signature itself is made up. */
export function makeSignature(repository: string, subject: MadeManifest): MadeManifest {
  const payload = {
    critical: {
      identity: { 'docker-reference': repository },
      image: { 'docker-manifest-digest': subject.digest },
      type: 'cosign container image signature',
    },
    optional: null,
  };
  return makeArtifact({
    config: makeBlob(OCI_CONFIG, JSON.stringify({ architecture: '', os: '', config: {} })),
    layers: [makeBlob('application/vnd.dev.cosign.simplesigning.v1+json', JSON.stringify(payload))],
    layerAnnotations: { 'dev.cosignproject.cosign/signature': Buffer.from('sample').toString('base64') },
  });
}

/** A Helm chart with one template, as `helm push` stores it. */
export function makeChart(name: string, version: string): MadeManifest {
  const chart = { apiVersion: 'v2', name, version, description: 'A sample chart' };
  const archive = tarOf([
    { path: `${name}/Chart.yaml`, content: JSON.stringify(chart) }, // JSON is YAML
    {
      path: `${name}/templates/config.yaml`,
      content: `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`,
    },
  ]);
  return makeArtifact({
    config: makeBlob('application/vnd.cncf.helm.config.v1+json', JSON.stringify(chart)),
    layers: [makeBlob('application/vnd.cncf.helm.chart.content.v1.tar+gzip', gzip(archive))],
    annotations: { 'org.opencontainers.image.title': name, 'org.opencontainers.image.version': version },
  });
}

/** A manifest of any content, also one that no client would make: for tests of what is refused. */
export function makeManifest(
  mediaType: string,
  body: unknown,
  blobs: readonly MadeBlob[] = [],
): MadeManifest {
  return { ...makeBlob(mediaType, JSON.stringify(body)), blobs, children: [] };
}

function manifestOf(
  mediaType: string,
  members: object,
  parts: { blobs?: readonly MadeBlob[]; children?: readonly MadeManifest[]; platform?: Platform },
): MadeManifest {
  const body = JSON.stringify({ schemaVersion: 2, mediaType, ...members });
  return { ...makeBlob(mediaType, body), blobs: [], children: [], ...parts };
}

function descriptorOf(made: MadeBlob & { platform?: Platform | undefined }): Descriptor {
  const { mediaType, digest, size, platform } = made;
  return { mediaType, digest, size, ...(platform === undefined ? {} : { platform }) };
}

/** gzip without a time and without the name of the system that made it. */
function gzip(bytes: Buffer): Buffer {
  const compressed = gzipSync(bytes);
  compressed[9] = 255; // RFC 1952, 2.3.1: OS unknown
  return compressed;
}
