import { type Digest, Fault, parseStrictJson, quote, splitDigest } from '@gantry/oci';
import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { z } from 'zod';
import type { Claim } from './claim.ts';
import { isSignedBy } from './signing-keys.ts';

const IN_TOTO = 'application/vnd.in-toto+json';
/** What cosign states of an image that it signs. Any other statement (who built it, what was found in it) is no signature. */
const SIGNED = 'https://sigstore.dev/cosign/sign/v1';

const Statement = z.object({
  _type: z.string().startsWith('https://in-toto.io/Statement/'),
  predicateType: z.string(),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })),
});

/**
 * A signature as a Sigstore bundle: of an in-toto statement that names the image, or of the image's manifest itself. Who
 * signed is asked of the keys alone: neither a certificate nor an entry in a transparency log is looked at.
 * @param manifest the bytes of the image's manifest
 * @throws Fault MANIFEST_INVALID for what is no such bundle, or one of another image
 */
export function readSigstoreBundle(bytes: Uint8Array, image: Digest, manifest: Uint8Array): Claim {
  const bundle = parseBundle(bytes);
  if (bundle.verificationMaterial.content.$case !== 'publicKey')
    throw invalid('it is signed by a certificate, and keys alone are known here');
  if (bundle.content.$case === 'messageSignature') {
    const { signature } = bundle.content.messageSignature;
    return { isSignedBy: (key) => isSignedBy(key, manifest, signature) };
  }
  const { payload, payloadType, signatures } = bundle.content.dsseEnvelope;
  if (payloadType !== IN_TOTO) throw invalid(`it is of ${quote(payloadType)}, and ${IN_TOTO} is awaited`);
  checkStatement(payload, image);
  const signed = preAuthenticationEncoding(payloadType, payload);
  return { isSignedBy: (key) => signatures.some(({ sig }) => isSignedBy(key, signed, sig)) };
}

function parseBundle(bytes: Uint8Array): Bundle {
  const json = parseStrictJson(bytes);
  try {
    return bundleFromJSON(json);
  } catch (cause) {
    throw invalid('it is not a Sigstore bundle', { cause });
  }
}

function checkStatement(payload: Uint8Array, image: Digest): void {
  const { success, data } = Statement.safeParse(parseStrictJson(payload));
  if (!success) throw invalid('what it signs is not an in-toto statement');
  const { predicateType, subject } = data;
  if (predicateType !== SIGNED)
    throw invalid(`it states ${quote(predicateType)}, which does not say that the image is signed`);
  const { algorithm, hex } = splitDigest(image);
  const names = ({ digest }: (typeof subject)[number]) =>
    Object.hasOwn(digest, algorithm) && digest[algorithm] === hex;
  if (!subject.some(names)) throw invalid('it signs another image');
}

/** What a DSSE envelope's signature is of (DSSE protocol, "PAE"). */
function preAuthenticationEncoding(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function invalid(why: string, options?: ErrorOptions): Fault {
  return new Fault('MANIFEST_INVALID', why, {}, options);
}
