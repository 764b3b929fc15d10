import { X509Certificate } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { isLoopback } from './server-address.ts';

const CONNECT_LIMIT_MS = 10_000;
/** A stream of events says every 15 s that it is still there. */
const SILENCE_LIMIT_MS = 60_000;

/**
 * What carries the calls to a server.
 * @param env names proxies; none is asked for a server on this machine
 * @param certificate in PEM: the server has this certificate or is not the one that is meant
 */
export function createDispatcher(
  url: string,
  env: Readonly<Record<string, string | undefined>>,
  certificate: string | undefined,
): Dispatcher {
  const limits = {
    connect: {
      timeout: CONNECT_LIMIT_MS,
      ...(certificate === undefined ? {} : trustOnly(certificate)),
    },
    headersTimeout: SILENCE_LIMIT_MS,
    bodyTimeout: SILENCE_LIMIT_MS,
  };
  if (isLoopback(url)) return new Agent(limits);
  const named = (name: string) => env[name] ?? env[name.toUpperCase()] ?? '';
  return new EnvHttpProxyAgent({
    ...limits,
    httpProxy: named('http_proxy'),
    httpsProxy: named('https_proxy'),
    noProxy: named('no_proxy'),
  });
}

type Trust = Required<Pick<ConnectionOptions, 'ca' | 'allowPartialTrustChain' | 'checkServerIdentity'>>;

/** Takes this very certificate, whoever signed it and whatever its name, and no other. */
function trustOnly(certificate: string): Trust {
  const own = new X509Certificate(certificate);
  return {
    ca: own.toString(),
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, { fingerprint256 }) =>
      fingerprint256 === own.fingerprint256
        ? undefined
        : new Error('it has another certificate than api.tls.certFile'),
  };
}
