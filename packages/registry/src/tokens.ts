import { Fault } from '@gantry/oci';
import { readBody } from './body.ts';
import type { Source } from './options.ts';
import { type Attempt, withRetries } from './retry.ts';
import { at, networkTrouble } from './source-faults.ts';
import { isPassing } from './statuses.ts';
import type { Trust } from './trust.ts';
import { type Answer, header, type Wire } from './wire.ts';

/** Where tokens are given out, as a Bearer challenge says. */
export interface Realm {
  readonly url: URL;
  readonly trust: Trust;
  readonly service: string | undefined;
}

export interface Token {
  readonly value: string;
  /** By this client's clock, in milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

const TOKEN_MAX_BYTES = 64 * 1024;
/** How long a token is good for that does not say so (distribution, "Token Authentication Specification"). */
const DEFAULT_LIFE_SECONDS = 60;
const MARGIN_MS = 10_000;

/** Fetches a token for `scope`: with the source's user, else anonymously. @throws as every call of Registry */
export function fetchToken(
  source: Source,
  wire: Wire,
  realm: Realm,
  scope: string,
  signal: AbortSignal | undefined,
): Promise<Token> {
  const url = new URL(realm.url);
  if (realm.service !== undefined) url.searchParams.set('service', realm.service);
  if (scope !== '') url.searchParams.set('scope', scope);
  const headers: Record<string, string> = { accept: 'application/json' };
  const { credentials } = source;
  if (credentials !== undefined && 'username' in credentials) {
    url.searchParams.set('account', credentials.username);
    headers['authorization'] = basicHeader(credentials);
  }
  const { trust } = realm;
  return withRetries(source.clock, signal, async (attempt): Promise<Attempt<Token>> => {
    try {
      const turn = await wire.turn(url, signal, true); // others wait for it
      const answer = await wire.send(turn, {
        kind: 'token',
        method: 'GET',
        url,
        trust,
        lane: 'small',
        headers,
        attempt,
        signal,
      });
      const body = await readBody(answer, TOKEN_MAX_BYTES);
      if (answer.status === 200) return { value: readToken(source, realm, answer, body) };
      const trouble = refusal(source, realm, answer);
      if (!isPassing(answer.status)) throw trouble;
      return { trouble, retryAfterMs: answer.retryAfterMs };
    } catch (error) {
      signal?.throwIfAborted();
      const trouble = networkTrouble(source, url.host, error);
      if (trouble === undefined) throw error;
      if (!trouble.passing) throw trouble.fault;
      return { trouble: trouble.fault };
    }
  });
}

export function basicHeader({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function readToken(source: Source, realm: Realm, answer: Answer, body: Buffer | undefined): Token {
  const bad = (what: string) =>
    new Fault('SOURCE_FAILED', `${at(source)}: its token server ${realm.url.host} ${what}`, {
      source: source.name,
      host: realm.url.host,
    });
  if (body === undefined) throw bad(`answered with more than ${TOKEN_MAX_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    throw bad('answered with something that is not JSON');
  }
  const { token, access_token, expires_in, issued_at } = (value ?? {}) as Record<string, unknown>;
  const found = token ?? access_token;
  if (typeof found !== 'string' || !/^[\x21-\x7e]+$/.test(found)) throw bad('answered without a token');
  const said = typeof expires_in === 'number' && expires_in > 0 ? expires_in : DEFAULT_LIFE_SECONDS;
  const lifeMs = Math.max(said * 1000 - ageMs(issued_at, header(answer, 'date')), 0);
  // Renewed a little before its end, so that it does not run out on its way.
  return { value: found, expiresAtMs: source.clock.now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 5) };
}

/** How old a token was when it was handed out, by the server's own clock: some keep tokens and hand them out again. */
function ageMs(issuedAt: unknown, sentAt: string | undefined): number {
  const age = Date.parse(sentAt ?? '') - (typeof issuedAt === 'string' ? Date.parse(issuedAt) : Number.NaN);
  return age > 0 ? age : 0;
}

function refusal(source: Source, realm: Realm, { status }: Answer): Fault {
  const details = { source: source.name, host: realm.url.host, status };
  const server = `${at(source)}: its token server ${realm.url.host}`;
  if (status === 401 || status === 403) {
    const advice =
      source.credentials === undefined
        ? `gives no token without credentials: set credentials.username and credentials.passwordFile of this source`
        : `refuses the credentials: check credentials.username and credentials.passwordFile of this source`;
    return new Fault('SOURCE_REFUSED', `${server} ${advice} (${status})`, details);
  }
  if (status === 429) return new Fault('TOOMANYREQUESTS', `${server} asks for fewer requests`, details);
  return new Fault('SOURCE_FAILED', `${server} answered ${status}`, details);
}
