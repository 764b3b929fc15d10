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

/**
 * Read and compared with where there is no such token, as long as one is: who measures how long a refusal takes does not even
 * learn which ids there are.
 */
const NOBODY = JSON.stringify({
  id: '0123456789abcdef',
  name: 'nobody',
  hash: randomBytes(32).toString('hex'),
  scopes: ['read', 'promote:nowhere'],
  groups: [],
  createdBy: 'nobody',
  createdAt: new Date(0).toISOString(),
  revoked: { by: 'nobody', at: new Date(0).toISOString() },
});

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
      const stored = (await tokens.get(id)) ?? (JSON.parse(NOBODY) as StoredToken);
      const { name, hash, scopes, groups, expiresAt, revoked } = stored;
      const isRight = timingSafeEqual(Buffer.from(hashOfToken(token), 'hex'), Buffer.from(hash, 'hex'));
      // What is no time is over.
      const isOver = expiresAt !== undefined && !(Date.parse(expiresAt) > now().getTime());
      if (!isRight || revoked !== undefined || isOver) return undefined;
      return { name, scopes: scopes.filter(isScope), groups };
    },
  };
}
