import type { SignatureAlgorithm } from '../auth/jwt/limits.ts';
import type { Scope } from '../auth/scopes.ts';
import type { Secret } from './secret.ts';

export interface TokenConfiguration {
  readonly name: string;
  readonly token: Secret;
  readonly scopes: readonly Scope[];
  readonly groups: readonly string[];
}

/** Whose JWTs are taken, which of them, and what they allow. */
export interface OidcConfiguration {
  readonly name: string;
  readonly issuer: string;
  readonly audience: readonly string[];
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Absent: as the discovery document says. */
  readonly jwksUri?: string;
  readonly caFile?: string;
  readonly clockToleranceMs: number;
  readonly nameClaim: string;
  readonly groupsClaim: string;
  readonly scopes: readonly {
    readonly claim: string;
    readonly value: string;
    readonly scopes: readonly Scope[];
  }[];
}

/** Where users and their groups are looked up, and what groups allow. */
export interface LdapConfiguration {
  readonly url: string;
  readonly startTls: boolean;
  readonly caFile?: string;
  /** Who looks; absent: nobody, anonymously. */
  readonly bind?: { readonly dn: string; readonly password: Secret };
  /** `{user}` in the filter stands for the name that was given. */
  readonly users: DirectorySearch;
  /** `{dn}` stands for the user that was found. */
  readonly groups: DirectorySearch;
  /** By the name of the group. */
  readonly scopes: Readonly<Record<string, readonly Scope[]>>;
  readonly timeoutMs: number;
}

/** What is looked for in a directory. */
export interface DirectorySearch {
  readonly base: string;
  readonly filter: string;
  /** The attribute with the name of what is found. */
  readonly name: string;
}
