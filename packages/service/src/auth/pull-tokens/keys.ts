import { createPublicKey, type KeyObject } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { Fault } from '@gantry/oci';
import { readPem } from '../../http/tls-server.ts';

/**
 * Keys that signatures are checked by: a public key or certificate in PEM, or a set of keys in JSON (RFC 7517).
 * @param key where the file is named
 * @throws Fault CONFIGURATION_INVALID
 */
export async function readPublicKeys(file: string, key: string): Promise<KeyObject | JWTVerifyGetKey> {
  const text = await readPem(file, key);
  const refuse = (why: string) => new Fault('CONFIGURATION_INVALID', `${key}: ${file} ${why}`, { key, file });
  if (text.includes('PRIVATE KEY')) throw refuse('is a private key: name its public one');
  try {
    if (!text.trimStart().startsWith('{')) return createPublicKey(text);
    const set = JSON.parse(text) as JSONWebKeySet;
    if (set.keys.some((one) => one.kty === 'oct')) throw refuse('has a key that is a shared secret');
    return createLocalJWKSet(set);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse('holds neither a public key or certificate in PEM nor a set of keys in JSON');
  }
}
