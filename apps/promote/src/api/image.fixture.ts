import type { Catalog } from '@gantry/catalog';
import { type Digest, digestOf } from '@gantry/oci';
import type { BlobStore } from '@gantry/store';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** A small image, and where it stands. */
export interface Image {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
}

/** Puts an image into store and catalog, as a sync would have. The same seed gives the same bytes. */
export async function putImage(
  catalog: Catalog,
  store: BlobStore,
  { repository, tag, seed }: { repository: string; tag: string; seed: string },
): Promise<Image> {
  const config = await putBlob(store, JSON.stringify({ os: 'linux', architecture: 'amd64', seed }));
  const layer = await putBlob(store, `layer of ${seed}`);
  const bytes = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...layer }],
  });
  const { digest, size } = await putBlob(store, bytes);
  await catalog.manifests.put({ digest, kind: 'oci-manifest', size, manifests: [], blobs: [config, layer] });
  await catalog.candidates.put({
    source: 'candidates',
    sourceRepository: `candidate/${repository}`,
    repository,
    tag,
    digest,
    mediaType: MANIFEST,
    platforms: ['linux/amd64'],
    size: size + config.size + layer.size,
    labels: { 'org.opencontainers.image.title': repository },
    syncedAt: new Date().toISOString(),
    companions: [],
    referrers: [],
  });
  return { repository, tag, digest };
}

async function putBlob(store: BlobStore, text: string): Promise<{ digest: Digest; size: number }> {
  const bytes = Buffer.from(text);
  const digest = digestOf(bytes);
  await using writer = await store.write(digest, bytes.length);
  if (writer.offset < bytes.length) await writer.append(bytes.subarray(writer.offset));
  await writer.commit();
  return { digest, size: bytes.length };
}
