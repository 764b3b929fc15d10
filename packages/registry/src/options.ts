import { Fault, quote } from '@gantry/oci';
import { type Clock, systemClock } from './clock.ts';
import type { Resolve } from './address-guard.ts';

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
  readonly userAgent?: string;
  /** Ends all calls. */
  readonly signal?: AbortSignal;
  /** Told of each HTTP request once its headers are here, or it failed. */
  readonly onRequest?: (request: RequestReport) => void;
  readonly timeouts?: Partial<Timeouts>;
  /** Time and chance; tests bring their own. */
  readonly clock?: Clock;
  /** How names become addresses; the system's resolver by default. */
  readonly resolve?: Resolve;
  /** The environment that names a proxy; `process.env` by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** One HTTP request, for counters. */
export interface RequestReport {
  readonly kind: RequestKind;
  readonly method: 'GET' | 'HEAD';
  /** Host and port that were asked: not the registry's own after a redirect. */
  readonly host: string;
  /** Undefined when no answer came. */
  readonly status: number | undefined;
}

export type RequestKind = 'catalog' | 'tags' | 'manifest' | 'blob' | 'referrers' | 'token';

export interface Timeouts {
  /** To connect, TLS included: 10,000. */
  readonly connectMs: number;
  /** From a request to its answer's headers: 60,000. */
  readonly headersMs: number;
  /** Without a byte of a body: 60,000. */
  readonly idleMs: number;
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
  readonly userAgent: string;
  readonly signal: AbortSignal | undefined;
  readonly onRequest: ((request: RequestReport) => void) | undefined;
  readonly timeouts: Timeouts;
  readonly clock: Clock;
  readonly resolve: Resolve | undefined;
  readonly proxy: { readonly https: string; readonly none: string };
}

/** @throws Fault CONFIGURATION_INVALID */
export function readOptions(options: RegistryOptions): Source {
  const { name, credentials, concurrency = 16 } = options;
  const invalid = (what: string) =>
    new Fault('CONFIGURATION_INVALID', `source ${quote(name)}: ${what}`, { source: name });
  if (!Number.isInteger(concurrency) || concurrency < 1) {
    throw invalid(`concurrency is ${concurrency}; a whole number from 1 on is right`);
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
    userAgent: options.userAgent ?? 'gantry',
    signal: options.signal,
    onRequest: options.onRequest,
    timeouts: { connectMs: 10_000, headersMs: 60_000, idleMs: 60_000, ...options.timeouts },
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
