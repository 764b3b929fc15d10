import { Fault } from '@gantry/oci';
import { decodeJwt, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import type { OidcConfiguration } from '../configuration/access-configuration.ts';
import type { Authenticator, Identity } from './authenticator.ts';
import { bearerToken } from './bearer.ts';
import { identityIn } from './jwt/claims.ts';

/** An issuer, and where its keys come from. */
export type Issuer = Pick<
  OidcConfiguration,
  'name' | 'issuer' | 'audience' | 'algorithms' | 'clockToleranceMs' | 'nameClaim' | 'groupsClaim' | 'scopes'
> & { readonly keys: JWTVerifyGetKey };

/** Tells why a token of an issuer that is known was not taken. */
interface RefusalLog {
  info(fields: object, event: string): void;
}

/** A JWT as it is sent (RFC 7515, 7.1). A token of another kind has no two dots between such parts. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
/** What a token for an API says that it is. Others, such as `logout+jwt`, were made for something else. */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];

/** Knows callers by the JWTs of issuers. A token that has not expired is good, whatever its issuer thinks of it since. */
export function authenticateByJwt(
  issuers: readonly Issuer[],
  { log, now }: { readonly log: RefusalLog; readonly now: () => Date },
): Authenticator {
  return {
    async identify(authorization) {
      const token = bearerToken(authorization);
      if (token === undefined || !COMPACT.test(token)) return undefined;
      const named = issuerNamedIn(token);
      const issuer = issuers.find((one) => one.issuer === named);
      if (issuer === undefined) return undefined;
      const result = await verify(token, issuer, now());
      if (typeof result !== 'string') return result;
      log.info({ issuer: issuer.issuer, why: result }, 'token.refused');
      return undefined;
    },
  };
}

/** Not verified: it says only whose keys to verify by. */
function issuerNamedIn(token: string): unknown {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** The caller, or why it is none. @throws Fault UNAVAILABLE when the issuer does not tell its keys */
async function verify(token: string, issuer: Issuer, currentDate: Date): Promise<Identity | string> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, issuer.keys, {
      algorithms: [...issuer.algorithms],
      issuer: issuer.issuer,
      audience: [...issuer.audience],
      requiredClaims: ['exp'],
      clockTolerance: issuer.clockToleranceMs / 1000,
      currentDate,
    });
    if (!TYPES.includes(protectedHeader.typ?.toLowerCase()))
      return 'its "typ" is not that of a token for an API';
    return (
      identityIn(payload, issuer) ??
      `its "${issuer.nameClaim}" is no name: 1 to 256 characters that can be seen, no blanks`
    );
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof errors.JOSEError) return error.message;
    // A key of the issuer that can not be used, such as an RSA key that is too short.
    return error instanceof Error ? error.message : String(error);
  }
}
