import { type Digest, Fault, isDigest, parseStrictJson } from '@gantry/oci';
import { z } from 'zod';
import type { Claim } from './claim.ts';
import { isSignedBy } from './signing-keys.ts';

/** The media type of a layer that is what cosign signs. */
export const SIMPLE_SIGNING = 'application/vnd.dev.cosign.simplesigning.v1+json';
/** The layer's annotation that holds the signature of its bytes, in base64. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

// containers-signature(5), "JSON data format"; cosign's SIGNATURE_SPEC.md says which type a signature of cosign's has.
const Payload = z.object({
  critical: z.object({
    type: z.literal('cosign container image signature'),
    identity: z.object({ 'docker-reference': z.string().optional() }).optional(),
    image: z.object({ 'docker-manifest-digest': z.string().refine(isDigest) }),
  }),
});

/**
 * A signature in cosign's first form. The name that it was given under is not compared, as in cosign: published names are
 * others than those at the source.
 * @throws Fault MANIFEST_INVALID for what is no signature, or one of another image
 */
export function readSimpleSigning(payload: Uint8Array, signature: string | undefined, image: Digest): Claim {
  const { success, data } = Payload.safeParse(parseStrictJson(payload));
  if (!success) throw new Fault('MANIFEST_INVALID', 'it is not a payload that cosign signs');
  const { identity, image: signed } = data.critical;
  const { 'docker-manifest-digest': digest } = signed;
  if (digest !== image) throw new Fault('MANIFEST_INVALID', `it signs another image, ${digest}`, { digest });
  if (signature === undefined || !BASE64.test(signature))
    throw new Fault(
      'MANIFEST_INVALID',
      `its layer has no signature in the annotation ${SIGNATURE_ANNOTATION}`,
    );
  const bytes = Buffer.from(signature, 'base64');
  const reference = identity?.['docker-reference'];
  return {
    ...(reference === undefined ? {} : { reference }),
    isSignedBy: (key) => isSignedBy(key, payload, bytes),
  };
}
