// What the API answers of who may what, and of what was done, as far as commands show it.

export interface IdentityAnswer {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly groups: readonly string[];
}

export interface TokenAnswer extends IdentityAnswer {
  readonly id: string;
  readonly createdBy: string;
  readonly createdAt: string;
  readonly expiresAt?: string | null;
  readonly revoked?: { readonly by: string; readonly at: string } | null;
}

/** A token that was made: the only answer that holds its text. */
export interface MadeTokenAnswer extends TokenAnswer {
  readonly token: string;
}

export interface ReadOnlyAnswer {
  readonly on: boolean;
  readonly reason?: string | null;
  readonly by?: string | null;
  readonly at?: string | null;
}
