import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Authenticator } from './authenticator.ts';
import { bearerToken } from './bearer.ts';
import { hashOfToken, idOfToken } from './made-token.ts';
import { isScope } from './scopes.ts';

/** What is kept of a token that was made while the service runs. */
export interface StoredToken {
  readonly name: string;
  /** `hashOfToken` of its text. */
  readonly hash: string;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
  /** RFC 3339; absent: it does not expire. */
  readonly expiresAt?: string;
  readonly revoked?: object;
}

/** Where such tokens are kept, for all processes. */
export interface StoredTokens {
  get(id: string): Promise<StoredToken | undefined>;
}

/** Compared with where there is no such token, so that both take the same way. */
const NOBODY: StoredToken = {
  name: '',
  hash: randomBytes(32).toString('hex'),
  scopes: [],
  groups: [],
};

/**
 * Knows callers by tokens that were made with `makeToken`. Each request reads its token anew, so that one that was
 * revoked is refused from the next request on, by every process.
 */
export function authenticateByStoredTokens(tokens: StoredTokens, now: () => Date): Authenticator {
  return {
    async identify(authorization) {
      const token = bearerToken(authorization);
      const id = token === undefined ? undefined : idOfToken(token);
      if (token === undefined || id === undefined) return undefined;
      const stored = (await tokens.get(id)) ?? NOBODY;
      const { name, hash, scopes, groups, expiresAt, revoked } = stored;
      const isRight = timingSafeEqual(Buffer.from(hashOfToken(token), 'hex'), Buffer.from(hash, 'hex'));
      const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= now().getTime();
      if (!isRight || stored === NOBODY || revoked !== undefined || isOver) return undefined;
      return { name, scopes: scopes.filter(isScope), groups };
    },
  };
}
