import { Descriptor, type Digest, type Manifest, MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { z } from 'zod';
import { type CanonicalValue, canonicalBytes } from './canonical-json.ts';
import type { EncodedDocument } from './documents.ts';
import { encodeDocument } from './encoding.ts';
import { invalidDocument, readJson } from './reading-json.ts';

/** What of a manifest stands in an answer of the referrers API. */
export type ReferringManifest = Pick<Manifest, 'digest' | 'kind' | 'size' | 'artifactType' | 'annotations'>;

/**
 * The answer to "who refers to this subject?": an OCI index of descriptors (distribution-spec, "Listing Referrers"),
 * sorted by digest.
 * @param manifests those that have the subject, each once
 */
export function encodeReferrers(manifests: readonly ReferringManifest[]): EncodedDocument {
  const sorted = manifests.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  return encodeDocument(
    canonicalBytes({
      schemaVersion: 2,
      mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
      manifests: sorted.map(describe),
    }),
  );
}

/** One referrer, as the referrers API lists it. */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const ReferrersBody = z.object({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MANIFEST_MEDIA_TYPES['oci-index']),
  manifests: z.array(Descriptor),
});

/** @throws Fault TREE_INVALID */
export function decodeReferrers(bytes: Uint8Array, where = 'the referrers document'): readonly Referrer[] {
  const result = ReferrersBody.safeParse(readJson(bytes, where));
  if (result.success) return result.data.manifests;
  const issue = result.error.issues[0];
  throw invalidDocument(
    where,
    `at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not as specified'}`,
  );
}

function describe(manifest: ReferringManifest): CanonicalValue {
  const { artifactType, annotations } = manifest;
  return {
    mediaType: MANIFEST_MEDIA_TYPES[manifest.kind],
    digest: manifest.digest,
    size: manifest.size,
    ...(artifactType === undefined ? {} : { artifactType: artifactType.toWellFormed() }),
    // JSON lets a manifest hold half a surrogate pair, canonical JSON does not: one image must not stop a publication.
    ...(annotations === undefined ? {} : { annotations: wellFormed(annotations) }),
  };
}

function wellFormed(annotations: Readonly<Record<string, string>>): Map<string, string> {
  return new Map(
    Object.entries(annotations).map(([name, value]) => [name.toWellFormed(), value.toWellFormed()]),
  );
}
