import { Fault, quote } from '@gantry/oci';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Source } from './options.ts';
import { at } from './source-faults.ts';
import { basicHeader, fetchToken, type Realm, type Token } from './tokens.ts';
import { trustRealm } from './trust.ts';
import type { Wire } from './wire.ts';

/** Puts the right Authorization on requests to the registry itself. */
export interface Authenticator {
  /**
   * What to send for `scope` (`repository:<name>:pull`). The first request learns what the registry asks for, while
   * others wait for it: `answered` must be called when it is learnt, or won't be.
   */
  authorize(scope: string, signal: AbortSignal | undefined): Promise<Pass>;
  /**
   * After a 401: learns from the challenge, so that `authorize` gives something better.
   * @param header WWW-Authenticate
   * @throws Fault SOURCE_REFUSED when there is nothing better; SOURCE_ADDRESS_REFUSED for a realm that is not trusted
   */
  challenged(scope: string, pass: Pass, header: string | undefined): Promise<void>;
}

interface Pass {
  readonly authorization: string | undefined;
  /** Not so once its token has run out, while the request waited for its turn. */
  isFresh(): boolean;
  answered(): void;
}

const TOKENS_MAX = 10_000;

export function createAuthenticator(source: Source, wire: Wire): Authenticator {
  const { credentials, clock } = source;
  const staticToken = credentials !== undefined && 'token' in credentials ? credentials.token : undefined;
  const basic = credentials !== undefined && 'username' in credentials ? basicHeader(credentials) : undefined;
  let scheme: 'none' | 'basic' | Realm = 'none';
  let learning: Promise<void> | undefined;
  // By the scope that we ask for; `scopes` holds the one that the registry wants for it, where that differs.
  const tokens = new Map<string, Promise<Token>>();
  const scopes = new Map<string, string>();

  const refuse = (what: string, advice: string) =>
    new Fault('SOURCE_REFUSED', `${at(source)} ${what}: ${advice} of this source`, {
      source: source.name,
      host: source.origin.host,
      status: 401,
    });

  /** One request a scope at a time; a token that has run out, or could not be had, is asked for anew. */
  const tokenFor = async (realm: Realm, scope: string): Promise<Token> => {
    const held = tokens.get(scope);
    if (held !== undefined) {
      const token = await held;
      if (token.expiresAtMs > clock.now()) return token;
      if (tokens.get(scope) === held) tokens.delete(scope);
      return tokenFor(realm, scope);
    }
    // Shared by all who wait for it, so only the end of the whole client ends it.
    const fetching = fetchToken(source, wire, realm, scopes.get(scope) ?? scope, source.signal);
    if (tokens.size >= TOKENS_MAX) tokens.clear();
    tokens.set(scope, fetching);
    try {
      return await fetching;
    } catch (error) {
      if (tokens.get(scope) === fetching) tokens.delete(scope);
      throw error;
    }
  };

  const learn = (scope: string, challenge: Challenge): void => {
    const realm = challenge.parameters.get('realm');
    const wanted = challenge.parameters.get('scope');
    const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
    if (url === undefined) {
      throw new Fault('SOURCE_FAILED', `${at(source)} asks for a token but names no URL to get it from`, {
        source: source.name,
      });
    }
    const trust = trustRealm(source.origin, url, source.allowRealms);
    if (trust === undefined) {
      throw new Fault(
        'SOURCE_ADDRESS_REFUSED',
        `${at(source)} names the token server ${quote(url.origin)}, which is not in its own domain or is without TLS: name its host in allow.realms if that is right`,
        { source: source.name, host: url.host },
      );
    }
    url.username = '';
    url.password = '';
    scheme = { url, trust, service: challenge.parameters.get('service') };
    if (wanted !== undefined && wanted !== scope) {
      if (scopes.size >= TOKENS_MAX) scopes.clear();
      scopes.set(scope, wanted);
    }
  };

  return {
    async authorize(scope, signal) {
      if (staticToken !== undefined) return lasting(`Bearer ${staticToken}`);
      if (learning === undefined) {
        const { promise, resolve } = Promise.withResolvers<void>();
        learning = promise;
        return { ...lasting(undefined), answered: resolve };
      }
      await learning;
      signal?.throwIfAborted();
      if (scheme === 'none') return lasting(undefined);
      if (scheme === 'basic') return lasting(basic);
      const { value, expiresAtMs } = await tokenFor(scheme, scope);
      return { ...lasting(`Bearer ${value}`), isFresh: () => expiresAtMs > clock.now() };
    },

    async challenged(scope, { authorization }, header) {
      if (staticToken !== undefined) throw refuse('refuses the token', 'check credentials.tokenFile');
      const challenges = parseChallenges(header ?? '');
      const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
      if (bearer !== undefined) {
        learn(scope, bearer);
        return dropToken(scope, authorization);
      }
      if (!challenges.some((challenge) => challenge.scheme === 'basic')) {
        throw refuse('asks for an authentication that is neither Basic nor Bearer', 'check the registry');
      }
      if (basic === undefined) {
        throw refuse('asks for a user', 'set credentials.username and credentials.passwordFile');
      }
      if (authorization === basic) {
        throw refuse('refuses the credentials', 'check credentials.username and credentials.passwordFile');
      }
      scheme = 'basic';
    },
  };

  /** Forgets the token that was refused, unless another request has put a new one in its place already. */
  async function dropToken(scope: string, authorization: string | undefined): Promise<void> {
    const held = tokens.get(scope);
    const token = await held?.catch(() => undefined);
    if (token !== undefined && `Bearer ${token.value}` === authorization && tokens.get(scope) === held) {
      tokens.delete(scope);
    }
  }
}

/** A pass that does not run out. */
function lasting(authorization: string | undefined): Pass {
  return { authorization, isFresh: () => true, answered() {} };
}
