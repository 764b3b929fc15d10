import { createPrivateKey, createPublicKey, type KeyObject, hash, sign, verify } from 'node:crypto';
import { Fault } from '@gantry/oci';

/** A key that statements are trusted by: Ed25519, its public half. */
export interface PublicKey {
  /** SHA-256 of the key as SubjectPublicKeyInfo in DER, 64 hex digits. */
  readonly keyid: string;
  /** As it is handed on: SubjectPublicKeyInfo in PEM. */
  readonly pem: string;
  /** Whether these very bytes were signed by it. */
  verifies(bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** A key that statements are signed with: Ed25519, both halves. The private one never shows. */
export interface SigningKey extends PublicKey {
  /** @returns 64 bytes, always the same for the same bytes */
  sign(bytes: Uint8Array): Uint8Array;
}

/**
 * A public key in PEM. Text around it is left alone, as OpenSSL does.
 * @param where what holds it, for messages
 * @throws Fault CONFIGURATION_INVALID for what is no Ed25519 key, and for a private one: it has no place with a reader
 */
export function readPublicKey(pem: string, where: string): PublicKey {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw unusable(
      where,
      'it is a private key, and readers need the public one: gantry keys show FILE prints it',
    );
  }
  return publicKeyOf(parsed(() => createPublicKey(pem), where, 'a public key'));
}

/**
 * A private key, PKCS#8 in PEM, not encrypted.
 * @param where what holds it, for messages
 * @throws Fault CONFIGURATION_INVALID
 */
export function readSigningKey(pem: string, where: string): SigningKey {
  if (pem.includes('-----BEGIN PUBLIC KEY-----')) {
    throw unusable(where, 'it is a public key, and signing needs the private one');
  }
  if (pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')) {
    throw unusable(where, 'it is encrypted: write it without a password, readable by its owner alone');
  }
  const key = parsed(() => createPrivateKey(pem), where, 'a private key (PKCS#8)');
  const publicKey = publicKeyOf(createPublicKey(key));
  return { ...publicKey, sign: (bytes) => sign(null, bytes, key) };
}

function parsed(parse: () => KeyObject, where: string, what: string): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch {
    // OpenSSL's words say less than ours.
    throw unusable(where, `it is not ${what} in PEM`);
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw unusable(
    where,
    `it is a key for ${key.asymmetricKeyType ?? 'something else'}, and statements are signed by Ed25519`,
  );
}

function publicKeyOf(key: KeyObject): PublicKey {
  return {
    keyid: hash('sha256', key.export({ type: 'spki', format: 'der' })),
    pem: key.export({ type: 'spki', format: 'pem' }),
    verifies: (bytes, signature) => verify(null, bytes, key, signature),
  };
}

function unusable(where: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `the key ${where} can not be used: ${why}`, { key: where });
}
