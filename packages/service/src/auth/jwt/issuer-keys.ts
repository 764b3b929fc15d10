import { getCACertificates } from 'node:tls';
import { Fault } from '@gantry/oci';
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { trustedAddressProblem } from '../../configuration/web-address.ts';

export interface IssuerKeysOptions {
  /** Letter for letter. */
  readonly issuer: string;
  /** Absent: as the discovery document says. */
  readonly jwksUri?: string;
  /** Certificates that the issuer is known by, beside the usual ones; PEM. */
  readonly ca?: string;
  /** How long the issuer may take for one answer. */
  readonly timeoutMs?: number;
  /** How long after its keys were asked for they are asked for again, when a token names one that is not there. */
  readonly cooldownMs?: number;
  /** How long after a failure the issuer is asked again. */
  readonly retryMs?: number;
}

/** An issuer's own answers are small. */
const ANSWER_MAX_BYTES = 1024 * 1024;
const TIMEOUT_MS = 5000;
const COOLDOWN_MS = 30_000;
const RETRY_MS = 1000;
/** A key that the issuer took back is trusted no longer than this. */
const KEYS_MAX_AGE_MS = 10 * 60_000;

/**
 * Finds the key that a token was signed with, among those that its issuer publishes and nowhere else: whatever a token says
 * of where its key is goes unread. Keys are asked for when they are needed, kept, and asked for once for all who wait.
 * What it finds throws Fault UNAVAILABLE when the issuer does not answer as it should.
 */
export function issuerKeys(options: IssuerKeysOptions): JWTVerifyGetKey {
  const { issuer, ca, timeoutMs = TIMEOUT_MS, cooldownMs = COOLDOWN_MS, retryMs = RETRY_MS } = options;
  const tls = ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] };
  const dispatcher = new EnvHttpProxyAgent({
    connect: tls,
    requestTls: tls,
    maxResponseSize: ANSWER_MAX_BYTES,
  });

  const getJson = async (url: string): Promise<unknown> => {
    const response = await fetch(url, {
      dispatcher,
      redirect: 'manual', // who says what is true is named by the configuration alone
      headers: { accept: 'application/json' },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.status === 200) return await response.json();
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  };

  let failed: { readonly fault: Fault; readonly atMs: number } | undefined;
  const ask = async <T>(url: string, read: (answer: unknown) => T): Promise<T> => {
    if (failed !== undefined && performance.now() - failed.atMs < retryMs) throw failed.fault;
    try {
      return read(await getJson(url));
    } catch (cause) {
      // Who calls is not known, so why is for the log alone.
      const fault = new Fault(
        'UNAVAILABLE',
        `the issuer ${issuer} does not say just now by which keys its tokens are known`,
        { issuer },
        { cause },
      );
      failed = { fault, atMs: performance.now() };
      throw fault;
    }
  };

  const findKeySet = async () => {
    const url =
      options.jwksUri ?? (await ask(discoveryAddress(issuer), (document) => keysAddressIn(document, issuer)));
    return createRemoteJWKSet(new URL(url), {
      cooldownDuration: cooldownMs,
      cacheMaxAge: KEYS_MAX_AGE_MS,
      [customFetch]: async (at) => Response.json(await ask(at, checkedKeySet)),
    });
  };

  let finding: ReturnType<typeof findKeySet> | undefined;
  return async (header, token) => {
    const found = (finding ??= findKeySet());
    const keySet = await found.catch((error: unknown) => {
      if (finding === found) finding = undefined;
      throw error;
    });
    try {
      return await keySet(header, token);
    } catch (error) {
      // Its keys may be elsewhere by now. Those that are known stay good for their time.
      if (error instanceof Fault && !keySet.fresh && finding === found) finding = undefined;
      throw error;
    }
  };
}

/** OpenID Connect Discovery 1.0, 4. */
function discoveryAddress(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

function keysAddressIn(document: unknown, issuer: string): string {
  const { issuer: named, jwks_uri: url } = Object(document) as Readonly<Record<string, unknown>>;
  if (named !== issuer) throw new Error(`its discovery document is that of ${JSON.stringify(named)}`);
  const wrong = typeof url === 'string' ? trustedAddressProblem(url) : 'is missing';
  if (typeof url === 'string' && wrong === undefined) return url;
  throw new Error(`the jwks_uri of its discovery document ${wrong}`);
}

function checkedKeySet(value: unknown): unknown {
  const { keys } = Object(value) as Readonly<Record<string, unknown>>;
  if (Array.isArray(keys) && keys.every((key) => typeof key === 'object' && key !== null)) return value;
  throw new Error('what it published is no set of keys');
}
