import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';
import type { ErrorCode } from '../answer/answer.ts';

/** An error body of the distribution specification, the same whatever was asked for. */
function body(code: ErrorCode, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] });
}

export const ERROR_BODIES = {
  nameUnknown: body('NAME_UNKNOWN', 'nothing is published by this name'),
  manifestUnknown: body('MANIFEST_UNKNOWN', 'the repository has no such manifest'),
  blobUnknown: body('BLOB_UNKNOWN', 'the repository has no such blob'),
  digestInvalid: body('DIGEST_INVALID', 'not a digest: sha256:<64 hex> or sha512:<128 hex> is'),
  noEndpoint: body('UNSUPPORTED', 'no endpoint of the distribution specification'),
  wrongMethod: body('UNSUPPORTED', 'only GET and HEAD are answered here'),
  noPage: body('UNSUPPORTED', 'pages of tags are found by the Link of the one before them'),
  noMirror: body('UNAVAILABLE', 'no mirror carries this repository'),
} as const;

/** The referrers of a subject that has none. */
export const NO_REFERRERS = JSON.stringify({
  manifests: [],
  mediaType: MANIFEST_MEDIA_TYPES['oci-index'],
  schemaVersion: 2,
});
