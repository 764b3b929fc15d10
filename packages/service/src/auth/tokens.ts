import { createHash, timingSafeEqual } from 'node:crypto';
import { Fault } from '@gantry/oci';
import type { TokenConfiguration } from '../configuration/access-configuration.ts';
import type { Authenticator, Identity } from './authenticator.ts';
import { bearerToken, isBearerToken } from './bearer.ts';
import type { Scope } from './scopes.ts';

const SCOPES_SHOWN = 10;

/** A token that is known. */
export interface KnownToken extends Omit<Identity, 'groups'> {
  readonly token: string;
  readonly groups?: readonly string[];
}

/**
 * Knows callers by the tokens of the configuration. Keeps digests of them only. A look-up takes the same time whichever
 * token comes.
 * @throws Fault CONFIGURATION_INVALID for a token that no client can send, or that two names have
 */
export function createTokenTable(tokens: readonly KnownToken[]): Authenticator {
  const known = tokens.map(({ name, token, scopes, groups = [] }) => {
    if (isBearerToken(token)) return { identity: { name, scopes, groups }, digest: digestOf(token) };
    throw invalid(name, 'can not be sent as a bearer token: use letters, digits and "-._~+/" without spaces');
  });
  for (const [index, { identity, digest }] of known.entries()) {
    const other = known.findIndex((one) => one.digest.equals(digest));
    if (other !== index) throw invalid(identity.name, `is that of ${known[other]?.identity.name} too`);
  }
  return {
    async identify(authorization) {
      const token = bearerToken(authorization);
      if (token === undefined) return undefined;
      const sent = digestOf(token);
      let found: Identity | undefined;
      for (const { identity, digest } of known) if (timingSafeEqual(sent, digest)) found = identity;
      return found;
    },
  };
}

/** Reads the tokens of the configuration, and their files. @throws Fault CONFIGURATION_INVALID */
export function readTokens(tokens: readonly TokenConfiguration[]): Promise<KnownToken[]> {
  return Promise.all(tokens.map(async ({ token, ...rest }) => ({ ...rest, token: await token.read() })));
}

/** Whether the caller may do what needs this scope; `admin` implies all. */
export function hasScope({ scopes }: Identity, scope: Scope): boolean {
  return scopes.includes('admin') || scopes.includes(scope);
}

/**
 * Lets the caller through, or says what is missing.
 * @throws Fault UNAUTHORIZED without a known token, DENIED without the scope
 */
export function requireScope(identity: Identity | undefined, scope: Scope): Identity {
  if (identity === undefined) {
    throw new Fault('UNAUTHORIZED', 'a known token is needed: send the header "Authorization: Bearer TOKEN"');
  }
  if (hasScope(identity, scope)) return identity;
  throw lacksScope(identity, scope);
}

/** Names what is missing, and what there is: it may be the channel that is misspelt. */
export function lacksScope({ name, scopes }: Identity, scope: string): Fault {
  const has = scopes.length === 0 ? 'no scope at all' : scopes.slice(0, SCOPES_SHOWN).join(', ');
  const more = scopes.length > SCOPES_SHOWN ? `, and ${scopes.length - SCOPES_SHOWN} more` : '';
  return new Fault('DENIED', `${name} lacks the scope ${scope}: it has ${has}${more}`, {
    token: name,
    scope,
  });
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function invalid(name: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `the token ${JSON.stringify(name)} ${why}`, { tokenName: name });
}
