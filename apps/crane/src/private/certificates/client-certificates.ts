import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { type Entitlement, entitlementOf } from './entitlement.ts';
import { isGoodAt, issuersOf } from './verify-certificate.ts';

export interface ClientCertificatesOptions {
  readonly authorities: readonly X509Certificate[];
  /** The header, in lower case, in which trusted proxies hand certificates on; absent: none does. */
  readonly header?: string;
  readonly isTrustedProxy: (address: string | undefined) => boolean;
  readonly now?: () => Date;
}

/** What the certificate that a request came with entitles to; undefined: there is none that counts. */
export type ClientCertificates = (request: IncomingMessage) => Entitlement | undefined;

const CERTIFICATES_KEPT = 1000;
const MAX_HEADER_LENGTH = 12 * 1024;

interface Known {
  readonly certificate: X509Certificate;
  readonly issuers: readonly X509Certificate[];
  readonly entitlement: Entitlement;
}

/** Whoever ends TLS has seen that the client holds the key; who issued the certificate, and until when, is looked at here. */
export function createClientCertificates(options: ClientCertificatesOptions): ClientCertificates {
  const { authorities, header, isTrustedProxy, now = () => new Date() } = options;
  const byText = new LRUCache<string, Known>({ max: CERTIFICATES_KEPT });
  const bySocket = new WeakMap<Socket, Known | 'none'>();

  const ofConnection = (socket: Socket): Known | undefined => {
    if (!(socket instanceof TLSSocket)) return undefined;
    const known = bySocket.get(socket);
    if (known !== undefined) return known === 'none' ? undefined : known;
    const certificate = socket.getPeerX509Certificate();
    const read = certificate === undefined ? undefined : readEntitlement(certificate, authorities);
    bySocket.set(socket, read ?? 'none');
    return read;
  };

  const ofProxy = ({ headers, socket }: IncomingMessage): Known | undefined => {
    const text = header === undefined ? undefined : headers[header];
    if (typeof text !== 'string' || text === '' || text.length > MAX_HEADER_LENGTH) return undefined;
    if (!isTrustedProxy(socket.remoteAddress)) return undefined;
    const kept = byText.get(text);
    if (kept !== undefined) return kept;
    const certificate = readHeader(text);
    const read = certificate === undefined ? undefined : readEntitlement(certificate, authorities);
    if (read !== undefined) byText.set(text, read);
    return read;
  };

  return (request) => {
    const known = ofConnection(request.socket) ?? ofProxy(request);
    if (known === undefined) return undefined;
    const at = now();
    const isGood = isGoodAt(known.certificate, at) && known.issuers.some((issuer) => isGoodAt(issuer, at));
    return isGood ? known.entitlement : undefined;
  };
}

/** undefined: no authority has issued it, or what it entitles to can not be read. */
function readEntitlement(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): Known | undefined {
  try {
    const issuers = issuersOf(certificate, authorities);
    return issuers.length === 0
      ? undefined
      : { certificate, issuers, entitlement: entitlementOf(certificate) };
  } catch {
    return undefined;
  }
}

/** PEM with escapes, as nginx's `$ssl_client_escaped_cert`, or with its line breaks lost, as Apache's `SSL_CLIENT_CERT`. */
function readHeader(text: string): X509Certificate | undefined {
  try {
    const pem = text.includes('%') ? decodeURIComponent(text) : text;
    const [, base64] =
      /^\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(pem) ?? [];
    return base64 === undefined ? undefined : new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}
