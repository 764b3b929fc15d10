import { digestOf } from '@gantry/oci';
import type { EncodedDocument } from './documents.ts';
import { indexPath } from './paths.ts';

/** A document of `pool/index`, named by the SHA-256 of its bytes. */
export function encodeDocument(bytes: Uint8Array): EncodedDocument {
  const digest = digestOf(bytes);
  return { digest, path: indexPath(digest), bytes };
}
