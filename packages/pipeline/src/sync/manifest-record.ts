import type { ManifestRecord } from '@gantry/catalog';
import { type Descriptor, type Digest, isForeign, type Manifest } from '@gantry/oci';

/** Whether it names layers that were not fetched, as they must not be distributed. */
export function hasForeign({ blobs }: ManifestRecord): boolean {
  return blobs.some(({ foreign }) => foreign === true);
}

/** Whether nothing was left out of it, nor of anything below it. */
export function isWhole(record: ManifestRecord): boolean {
  return record.absent === undefined;
}

/**
 * What the catalog keeps of a manifest.
 * @param present children that are here
 * @param absent what was left out, of it and of what is below it
 * @param withForeign whether its foreign layers were fetched
 */
export function toRecord(
  manifest: Manifest,
  present: ReadonlySet<Digest>,
  absent: ReadonlySet<Digest>,
  withForeign: boolean,
): ManifestRecord {
  const { digest, kind, size, artifactType, annotations, subject } = manifest;
  return {
    digest,
    kind,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(subject === undefined ? {} : { subject }),
    manifests: [...new Set(manifest.manifests.map((child) => child.digest))].filter((child) =>
      present.has(child),
    ),
    ...(absent.size === 0 ? {} : { absent: [...absent] }),
    blobs: distinct(manifest.blobs).map((blob) => ({
      digest: blob.digest,
      size: blob.size,
      ...(isForeign(blob) && !withForeign ? { foreign: true as const } : {}),
    })),
  };
}

/** Blobs or children of a manifest, each digest once. */
export function distinct(blobs: readonly Descriptor[]): Descriptor[] {
  const seen = new Map<Digest, Descriptor>();
  for (const blob of blobs) if (!seen.has(blob.digest)) seen.set(blob.digest, blob);
  return [...seen.values()];
}
