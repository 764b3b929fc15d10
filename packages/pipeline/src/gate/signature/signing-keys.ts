import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { asFault, Fault, quote } from '@gantry/oci';
import type { SignatureRule } from '../configuration.ts';

/** A public key that images may be signed by, and what a signer of that kind of key hashes with; null: nothing. */
export interface SigningKey {
  readonly name: string;
  readonly key: KeyObject;
  readonly hashes: readonly (string | null)[];
}

const RSA_MIN_BITS = 2048;
const ALLOWED = 'ECDSA on P-256 or P-384, RSA from 2048 bits on, or Ed25519';

// Older signers hash with SHA-256 whatever the curve, newer ones with the hash of its strength.
const CURVES: Readonly<Record<string, readonly string[]>> = {
  prime256v1: ['sha256'],
  secp384r1: ['sha256', 'sha384'],
};

/**
 * The keys of a rule.
 * @throws Fault CONFIGURATION_INVALID for what is no public key of a kind that is allowed, for one key or name that stands
 * twice, and for a `count` that they can't reach
 */
export function readSigningKeys({ keys, count = 1 }: SignatureRule): readonly SigningKey[] {
  const read = keys.map(({ name, pem }) => readKey(name, pem));
  for (const [index, { name, key }] of read.entries()) {
    const twin = read.slice(0, index).find((other) => other.name === name || other.key.equals(key));
    if (twin !== undefined)
      throw invalid(name, `it is the same as ${quote(twin.name)}: one signature must not count twice`);
  }
  if (count > read.length)
    throw new Fault('CONFIGURATION_INVALID', `count is ${count}, and there are ${read.length} keys`);
  return read;
}

/** Whether these very bytes were signed by the key. */
export function isSignedBy({ key, hashes }: SigningKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  return hashes.some((hash) => {
    try {
      return verify(hash, bytes, key, signature);
    } catch {
      return false; // a signature of another form than the key makes
    }
  });
}

function readKey(name: string, pem: string): SigningKey {
  if (!pem.includes('-----BEGIN PUBLIC KEY-----')) throw invalid(name, 'it is not a public key in PEM');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    throw invalid(name, `it is not a public key in PEM: ${asFault(error).message}`);
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: { namedCurve = '', modulusLength = 0 } = {} } = key;
  if (type === 'ed25519') return { name, key, hashes: [null] };
  if (type === 'rsa' && modulusLength >= RSA_MIN_BITS) return { name, key, hashes: ['sha256'] };
  const hashes = type === 'ec' && Object.hasOwn(CURVES, namedCurve) ? CURVES[namedCurve] : undefined;
  if (hashes === undefined) throw invalid(name, `it is not a key of a kind that is allowed: ${ALLOWED}`);
  return { name, key, hashes };
}

function invalid(name: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `the key ${quote(name)} can not be used: ${why}`, { key: name });
}
