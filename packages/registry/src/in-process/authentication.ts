import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answer, answerError } from './answers.ts';

/** Who may read. Bearer tokens are given out at `/token` of the same server; without `credentials`, to everyone. */
export type InProcessAuthentication =
  | { readonly basic: { username: string; password: string } }
  | {
      readonly bearer: {
        credentials?: { username: string; password: string };
        /** How long a token is good for; 300 by default. */
        ttlSeconds?: number;
        /** Another address for the challenge to name. */
        realm?: string;
      };
    };

/** Decides who may read, and gives out tokens. */
export interface Gatekeeper {
  /** Whether the request may go on to `scope`; if not, it has been answered. */
  admits(request: IncomingMessage, response: ServerResponse, scope: string): boolean;
  /** Answers the token endpoint. */
  giveToken(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void;
  /** Makes every token given so far invalid. */
  readonly expireTokens: () => void;
}

/** @param now milliseconds since the epoch */
export function createGatekeeper(
  authentication: InProcessAuthentication | undefined,
  now: () => number = Date.now,
): Gatekeeper {
  const tokens = new Map<string, { scopes: readonly string[]; expiresAtMs: number }>();
  const bearer =
    authentication !== undefined && 'bearer' in authentication ? authentication.bearer : undefined;
  const basic = authentication !== undefined && 'basic' in authentication ? authentication.basic : undefined;
  const ttlSeconds = bearer?.ttlSeconds ?? 300;

  const isAdmitted = (authorization: string, scope: string): boolean => {
    if (basic !== undefined) return isSame(authorization, basicHeader(basic));
    if (bearer === undefined) return true;
    const token = tokens.get(/^Bearer (.+)$/.exec(authorization)?.[1] ?? '');
    if (token === undefined || token.expiresAtMs <= now()) return false;
    return scope === '' || token.scopes.includes(scope);
  };

  return {
    admits(request, response, scope) {
      if (isAdmitted(request.headers.authorization ?? '', scope)) return true;
      const realm = bearer?.realm ?? `http://${request.headers.host}/token`;
      const challenge =
        bearer === undefined
          ? 'Basic realm="in-process registry"'
          : `Bearer realm="${realm}",service="in-process"${scope === '' ? '' : `,scope="${scope}"`}`;
      answerError(request, response, {
        status: 401,
        code: 'UNAUTHORIZED',
        message: 'authentication required',
        headers: { 'www-authenticate': challenge },
      });
      return false;
    },

    giveToken(request, response, query) {
      const wanted = bearer?.credentials;
      const given = request.headers.authorization ?? '';
      if (wanted !== undefined && !isSame(given, basicHeader(wanted))) {
        answerError(request, response, { status: 401, code: 'UNAUTHORIZED', message: 'wrong credentials' });
        return;
      }
      const token = randomBytes(24).toString('base64url');
      tokens.set(token, { scopes: query.getAll('scope'), expiresAtMs: now() + ttlSeconds * 1000 });
      const body = JSON.stringify({ token, expires_in: ttlSeconds });
      answer(request, response, 200, { 'content-type': 'application/json' }, body);
    },

    expireTokens: () => tokens.clear(),
  };
}

function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Compares in a time that does not tell how far two texts agree. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(hash('sha256', one, 'buffer'), hash('sha256', other, 'buffer'));
}
