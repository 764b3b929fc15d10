import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import { type Answer, jsonAnswer, SHORT_LIVED } from './answer.ts';

const INDEX = MANIFEST_MEDIA_TYPES['oci-index'];
const EMPTY_INDEX = `{"manifests":[],"mediaType":"${INDEX}","schemaVersion":2}`;
const FILTERED = ['OCI-Filters-Applied', 'artifactType'] as const;

/** The artifact type that a query string asks for, '' for those without one; undefined when it asks for all. */
export function parseReferrersQuery(query: string): string | undefined {
  if (query === '') return undefined;
  return new URLSearchParams(query).get('artifactType') ?? undefined;
}

/** The answer for a subject that has no referrers, known or not (distribution-spec, "Listing Referrers"). */
export function noReferrers(artifactType: string | undefined): Answer {
  return referrersAnswer(EMPTY_INDEX, artifactType);
}

/**
 * The answer made of a referrers document, which is sent as it lies in the tree unless a filter is asked for.
 * @param bytes verified: they hash to the document's digest
 */
export function answerReferrers(bytes: Uint8Array, artifactType: string | undefined): Answer {
  if (artifactType === undefined) return referrersAnswer(bytes, undefined);
  const index = JSON.parse(Buffer.from(bytes).toString()) as { manifests: { artifactType?: string }[] };
  const manifests = index.manifests.filter((manifest) => (manifest.artifactType ?? '') === artifactType);
  return referrersAnswer(JSON.stringify({ ...index, manifests }), artifactType);
}

function referrersAnswer(body: string | Uint8Array, artifactType: string | undefined): Answer {
  const headers = artifactType === undefined ? SHORT_LIVED : [...SHORT_LIVED, ...FILTERED];
  return jsonAnswer('referrers', body, headers, INDEX);
}
