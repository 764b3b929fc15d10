import { createPrivateKey, type KeyObject, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { Fault } from '@gantry/oci';
import { readPem } from '../../http/tls-server.ts';
import type { Access } from './access.ts';

/** A key that tokens are signed by. */
export interface PullTokenKey {
  readonly key: KeyObject;
  readonly algorithm: 'EdDSA' | 'ES256';
}

export interface PullToken {
  readonly issuer: string;
  readonly service: string;
  /** Whose it is; '' for nobody who is known. */
  readonly subject: string;
  readonly access: readonly Access[];
  readonly ttlMs: number;
  readonly now: Date;
}

/** Tokens are good a little before they were made, for clocks that are behind. */
const BEFORE_SECONDS = 30;

/** Makes a token (distribution's "Token Authentication Implementation"). */
export function signPullToken({ key, algorithm }: PullTokenKey, token: PullToken): Promise<string> {
  const seconds = Math.floor(token.now.getTime() / 1000);
  return new SignJWT({ access: token.access })
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setIssuer(token.issuer)
    .setSubject(token.subject)
    .setAudience(token.service)
    .setIssuedAt(seconds)
    .setNotBefore(seconds - BEFORE_SECONDS)
    .setExpirationTime(seconds + Math.floor(token.ttlMs / 1000))
    .setJti(randomUUID())
    .sign(key);
}

/** @param where the key of the configuration @throws Fault CONFIGURATION_INVALID for what is no Ed25519 or P-256 key */
export async function readPullTokenKey(file: string, where: string): Promise<PullTokenKey> {
  const text = await readPem(file, where);
  const refuse = () =>
    new Fault(
      'CONFIGURATION_INVALID',
      `${where}: ${file} is no private key of Ed25519 or P-256 in PEM: openssl genpkey -algorithm ed25519 makes one`,
      { key: where, file },
    );
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    throw refuse();
  }
  if (key.asymmetricKeyType === 'ed25519') return { key, algorithm: 'EdDSA' };
  if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return { key, algorithm: 'ES256' };
  throw refuse();
}
