import { Fault, quote } from '@gantry/oci';
import packageJson from '../package.json' with { type: 'json' };
import { type Clock, systemClock } from './clock.ts';
import type { Resolve } from './address-guard.ts';
import type { Rate } from './token-bucket.ts';

/** How a registry is reached, from `sources[]` in the configuration. Secrets and certificates are values, not files. */
export interface RegistryOptions {
  /** The source's name, for messages. */
  readonly name: string;
  /** `https://host[:port]`, or `host[:port]` for the same; `http://…` only when written so. */
  readonly url: string;
  /** A user, for Basic or to get tokens with; or a token that is sent as it is. */
  readonly credentials?:
    | { readonly username: string; readonly password: string }
    | { readonly token: string };
  /** In PEM. `ca` is trusted beside the system's own; the certificate is shown to the registry alone. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly allow?: {
    /** `host` or `host:port` that a redirect may lead to whatever its address. */
    readonly hosts?: readonly string[];
    /** `host` or `host:port` that tokens may be fetched from. */
    readonly realms?: readonly string[];
  };
  /** Connections for blobs, a host; 16 by default. Manifests, listings and tokens have as many of their own. */
  readonly concurrency?: number;
  /** Requests to each host, of every kind; as fast as the host allows by default. */
  readonly rate?: Rate;
  /** `gantry/VERSION` by default. */
  readonly userAgent?: string;
  /** Ends all calls. */
  readonly signal?: AbortSignal;
  /** Told of each HTTP request once it is over: its body has come, was let go or broke off, or no answer came at all. */
  readonly onRequest?: (request: RequestReport) => void;
  readonly timeouts?: Partial<Timeouts>;
  /** Time and chance; tests bring their own. */
  readonly clock?: Clock;
  /** How names become addresses; the system's resolver by default. */
  readonly resolve?: Resolve;
  /** The environment that names a proxy; `process.env` by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** One HTTP request, for counters. Redirects, token requests and further attempts are requests of their own. */
export interface RequestReport {
  /** What the call that it belongs to asks for; `foreign` for layers that lie elsewhere. */
  readonly kind: RequestKind;
  readonly method: 'GET' | 'HEAD';
  /** Host and port that were asked: not the registry's own after a redirect. */
  readonly host: string;
  /** Undefined when no answer came. */
  readonly status: number | undefined;
  /** Which attempt at the call this was, from 1 on: what is above 1 is a retry. */
  readonly attempt: number;
  /** Of the body, as received, also when it broke off: what a blob's download has cost. */
  readonly bytes: number;
  /** From when it was sent until it was over. A blob takes as long as its reader does. */
  readonly seconds: number;
  /** How long it was held back before, for the rate or a pause that the host asked for. */
  readonly waitedSeconds: number;
}

export type RequestKind = 'catalog' | 'tags' | 'manifest' | 'blob' | 'referrers' | 'token' | 'foreign';

export interface Timeouts {
  /** To connect, TLS included: 10,000. */
  readonly connectMs: number;
  /** From a request to its answer's headers: 60,000. */
  readonly headersMs: number;
  /** Without a byte of a body: 60,000. */
  readonly idleMs: number;
  /** For the whole body of an answer that is read into memory (all but blobs): 300,000. */
  readonly smallMs: number;
}

/** The options, checked and completed. */
export interface Source {
  readonly name: string;
  /** Where the registry is: no path, no user. */
  readonly origin: URL;
  readonly credentials: RegistryOptions['credentials'];
  readonly tls: NonNullable<RegistryOptions['tls']>;
  readonly allowHosts: readonly string[];
  readonly allowRealms: readonly string[];
  readonly concurrency: number;
  readonly rate: Rate | undefined;
  readonly userAgent: string;
  readonly signal: AbortSignal | undefined;
  readonly onRequest: ((request: RequestReport) => void) | undefined;
  readonly timeouts: Timeouts;
  readonly clock: Clock;
  readonly resolve: Resolve | undefined;
  readonly proxy: { readonly https: string; readonly none: string };
}

/** The highest rate that may be set: a higher one would limit nothing. */
const RATE_MAX = 100_000;

/** @throws Fault CONFIGURATION_INVALID */
export function readOptions(options: RegistryOptions): Source {
  const { name, credentials, concurrency = 16, rate, userAgent = `gantry/${packageJson.version}` } = options;
  const invalid = (what: string) =>
    new Fault('CONFIGURATION_INVALID', `source ${quote(name)}: ${what}`, { source: name });
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw invalid(`concurrency is ${concurrency}; a whole number from 1 on is right`);
  }
  if (rate !== undefined && !(rate.requestsPerSecond > 0 && rate.requestsPerSecond <= RATE_MAX)) {
    throw invalid(
      `rate.requestsPerSecond is ${rate.requestsPerSecond}; a number above 0 is right, up to ${RATE_MAX}`,
    );
  }
  if (rate?.burst !== undefined && !(Number.isInteger(rate.burst) && rate.burst >= 1)) {
    throw invalid(`rate.burst is ${rate.burst}; a whole number from 1 on is right`);
  }
  if (!/^[\x20-\x7e]+$/.test(userAgent)) {
    throw invalid('its userAgent is empty, or has a line break or another character that no header has');
  }
  if (credentials !== undefined && 'token' in credentials && !/^[\x21-\x7e]+$/.test(credentials.token)) {
    throw invalid('its token has a space, a line break or another character that no token has');
  }
  if (credentials !== undefined && 'username' in credentials && credentials.username.includes(':')) {
    throw invalid('its username has a ":", which Basic authentication can not carry');
  }
  const environment = options.environment ?? process.env;
  const https = environment['https_proxy'] ?? environment['HTTPS_PROXY'] ?? '';
  if (https !== '' && !URL.canParse(https)) {
    throw invalid('HTTPS_PROXY in the environment is not a URL'); // it may hold a password: not shown
  }
  return {
    name,
    origin: readOrigin(options.url, invalid),
    credentials,
    tls: options.tls ?? {},
    allowHosts: options.allow?.hosts ?? [],
    allowRealms: options.allow?.realms ?? [],
    concurrency,
    rate,
    userAgent,
    signal: options.signal,
    onRequest: options.onRequest,
    timeouts: { connectMs: 10_000, headersMs: 60_000, idleMs: 60_000, smallMs: 300_000, ...options.timeouts },
    clock: options.clock ?? systemClock,
    resolve: options.resolve,
    proxy: { https, none: environment['no_proxy'] ?? environment['NO_PROXY'] ?? '' },
  };
}

function readOrigin(url: string, invalid: (what: string) => Fault): URL {
  const text = url.includes('://') ? url : `https://${url}`;
  const origin = URL.canParse(text) ? new URL(text) : undefined;
  if (origin === undefined || !['https:', 'http:'].includes(origin.protocol)) {
    // A password may stand in what can't be parsed.
    throw invalid('its registry is not a URL: https://host[:port] is right, or http:// for one without TLS');
  }
  if (origin.username !== '' || origin.password !== '') {
    throw invalid(`its registry ${origin.origin} has a user in its URL: write it under credentials`);
  }
  if (origin.pathname !== '/' || origin.search !== '' || origin.hash !== '') {
    throw invalid(
      `its registry is ${quote(origin.origin + origin.pathname)}: only scheme, host and port are right`,
    );
  }
  return origin;
}
