import { type Digest, digestOf, MANIFEST_MEDIA_TYPES } from '@gantry/oci';

/** A made-up image of a few bytes, for the tests of this package. */
export interface SampleImage {
  readonly digest: Digest;
  readonly manifest: Uint8Array;
  readonly config: Uint8Array;
  readonly layer: Uint8Array;
}

/** An OCI image whose layer is `text`; with `subject` it refers to that manifest. */
export function sampleImage(text: string, subject?: { digest: Digest; size: number }): SampleImage {
  const config = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', text }));
  const layer = Buffer.from(text);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
      ...(subject && { subject: { mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'], ...subject } }),
    }),
  );
  return { digest: digestOf(manifest), manifest, config, layer };
}

/** A list (Docker's, or OCI's) of images. */
export function sampleIndex(
  kind: 'oci-index' | 'docker-list',
  images: readonly SampleImage[],
): { digest: Digest; manifest: Uint8Array } {
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES[kind],
      manifests: images.map(({ digest, manifest: bytes }) => ({
        mediaType: MANIFEST_MEDIA_TYPES['oci-manifest'],
        digest,
        size: bytes.length,
      })),
    }),
  );
  return { digest: digestOf(manifest), manifest };
}

/** A repository that holds the images, one tag each. */
export function sampleRepository(name: string, tagged: Readonly<Record<string, SampleImage>>) {
  const images = Object.values(tagged);
  return {
    name,
    tags: new Map(Object.entries(tagged).map(([tag, { digest }]) => [tag, digest])),
    manifests: images.map(({ manifest }) => manifest),
    blobs: images.flatMap(({ config, layer }) => [config, layer]),
  };
}

function descriptor(mediaType: string, bytes: Uint8Array) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}
