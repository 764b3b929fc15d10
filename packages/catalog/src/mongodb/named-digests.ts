import type { Digest } from '@gantry/oci';
import type { NamingManifest } from '../catalog.ts';
import type { Companions, ManifestRecord } from '../records.ts';
import { text } from './documents.ts';

/** The digests that a candidate or a channel's tag is found by: its own, and those of all that goes with it. */
export function heldBy({
  digest,
  companions,
  referrers,
}: Companions & { readonly digest: Digest }): string[] {
  return unique([digest, ...companions.map((companion) => companion.digest), ...referrers]);
}

/** The digests that a manifest names itself. */
export function namedBy({ manifests, blobs, subject }: ManifestRecord): string[] {
  return unique([
    ...manifests,
    ...blobs.map((blob) => blob.digest),
    ...(subject === undefined ? [] : [subject]),
  ]);
}

/** As what a manifest names a digest, sorted. */
export function namedAs(
  { manifests, blobs, subject }: ManifestRecord,
  digest: Digest,
): NamingManifest['as'][] {
  return [
    ...(blobs.some((blob) => blob.digest === digest) ? (['blob'] as const) : []),
    ...(manifests.includes(digest) ? (['manifest'] as const) : []),
    ...(subject === digest ? (['subject'] as const) : []),
  ];
}

function unique(digests: readonly Digest[]): string[] {
  return [...new Set(digests)].map(text);
}
