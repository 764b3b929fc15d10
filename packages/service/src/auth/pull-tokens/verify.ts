import type { KeyObject } from 'node:crypto';
import { type JWTPayload, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { Fault } from '@gantry/oci';
import { SIGNATURE_ALGORITHMS } from '../jwt/limits.ts';
import { pullableIn } from './access.ts';

/** What is known of a token that was verified. */
export interface VerifiedPull {
  /** What it lets its holder pull. */
  readonly repositories: ReadonlySet<string>;
  /** Seconds of the clock. */
  readonly expires: number;
}

export interface PullTokenRules {
  readonly issuer: string;
  /** Whom tokens must be meant for. */
  readonly service: string;
  readonly clockToleranceMs: number;
  /** Any of them may have signed. */
  readonly keys: readonly (KeyObject | JWTVerifyGetKey)[];
}

/** Says what a token allows, or why it allows nothing. @throws Fault UNAVAILABLE when the issuer does not tell its keys */
export type VerifyPull = (token: string, now: Date) => Promise<VerifiedPull | string>;

/** Checks tokens of distribution's token protocol ("Token Authentication Implementation"), by public keys alone. */
export function pullTokenVerifier({ keys, issuer, service, clockToleranceMs }: PullTokenRules): VerifyPull {
  return async (token, currentDate) => {
    const options = {
      algorithms: [...SIGNATURE_ALGORITHMS],
      issuer,
      audience: service,
      requiredClaims: ['exp'],
      clockTolerance: clockToleranceMs / 1000,
      currentDate,
    };
    let why = 'there is no key to check it by';
    for (const key of keys) {
      try {
        // The types tell a key from a function that finds one by overloads.
        const { payload } = await (typeof key === 'function'
          ? jwtVerify(token, key, options)
          : jwtVerify(token, key, options));
        return allowedBy(payload);
      } catch (error) {
        if (error instanceof Fault) throw error;
        // Of the token, or of a key that is of another kind than its signature.
        why = error instanceof Error ? error.message : String(error);
      }
    }
    return why;
  };
}

function allowedBy({ access, exp }: JWTPayload): VerifiedPull | string {
  const repositories = pullableIn(access);
  return repositories === undefined || exp === undefined
    ? 'its "access" is no list'
    : { repositories, expires: exp };
}
