import type { Scope } from './scopes.ts';

/** Who calls, and what that one may do. */
export interface Identity {
  /** One name for one caller: a token's, `oidc:<name>`, `ldap:<user>`. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Whom the caller belongs to, for rules that ask for members of a group. */
  readonly groups: readonly string[];
}

/** Says who sends a request, by one kind of credentials or by several. */
export interface Authenticator {
  /**
   * Who sent this `Authorization` header. undefined: it is absent, of a kind that this one does not know, or shows nobody
   * that is known.
   * @throws Fault UNAVAILABLE when who could tell does not answer: that is never a yes, and no no
   */
  identify(authorization: string | undefined): Promise<Identity | undefined>;
}

// Node lets all headers together be 16 KiB long.
const MAX_HEADER_LENGTH = 12 * 1024;

/** Asks one after the other, each knowing its own kind of header, until one knows the caller. */
export function firstToIdentify(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async identify(authorization) {
      if (authorization === undefined || authorization.length > MAX_HEADER_LENGTH) return undefined;
      for (const one of authenticators) {
        const identity = await one.identify(authorization);
        if (identity !== undefined) return identity;
      }
      return undefined;
    },
  };
}
