import { type Answer, errorAnswer } from './answer.ts';
import type { Refusal } from './route.ts';

/** The answer to a request with more than one Host. */
export const MANY_HOSTS = errorAnswer(
  'refused',
  400,
  'UNSUPPORTED',
  'more than one Host: a request has one (RFC 9112, section 3.2)',
);

/** The answer for a method that is neither GET nor HEAD. */
export const WRONG_METHOD = errorAnswer('method', 405, 'UNSUPPORTED', 'only GET and HEAD are answered here', [
  'Allow',
  'GET, HEAD',
]);

/** The answer to each target that is none of the API's. */
export const REFUSALS: Readonly<Record<Refusal, Answer>> = {
  'no such endpoint': errorAnswer(
    'refused',
    404,
    'UNSUPPORTED',
    'no endpoint of the distribution specification',
  ),
  'name invalid': errorAnswer(
    'refused',
    400,
    'NAME_INVALID',
    'not a repository name: lower-case letters, digits and single separators, parts joined by "/"',
  ),
  'digest invalid': errorAnswer(
    'refused',
    400,
    'DIGEST_INVALID',
    'not a digest: sha256:<64 hex> or sha512:<128 hex> is',
  ),
  // A name that no tag can have is one that no manifest has: the conformance suite asks for 404.
  'not a tag': errorAnswer('refused', 404, 'MANIFEST_UNKNOWN', 'not a tag, so no manifest has it'),
  'manifest of another algorithm': errorAnswer(
    'refused',
    404,
    'MANIFEST_UNKNOWN',
    'manifests are known by their sha256 or sha512 digest here',
  ),
  'blob of another algorithm': errorAnswer(
    'refused',
    404,
    'BLOB_UNKNOWN',
    'blobs are known by their sha256 or sha512 digest here',
  ),
  'encoding invalid': errorAnswer(
    'refused',
    400,
    'NAME_INVALID',
    'the path is not percent-encoded as it should be',
  ),
  'serial invalid': errorAnswer(
    'refused',
    400,
    'UNSUPPORTED',
    '"serial" has to be the number of a serial, from 1 up',
  ),
  'too long': errorAnswer('refused', 414, 'UNSUPPORTED', 'the request target is too long'),
};
