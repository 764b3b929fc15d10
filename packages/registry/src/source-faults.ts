import { Fault, type FaultDetails, quote } from '@gantry/oci';
import type { Source } from './options.ts';

/** How a message names the source: `source "candidates" (https://registry.example.org)`. */
export function at(source: Pick<Source, 'name' | 'origin'>): string {
  return `source ${quote(source.name)} (${source.origin.origin})`;
}

/** Trouble on the way to a host: what it was, and whether another attempt makes sense. */
export interface NetworkTrouble {
  readonly fault: Fault;
  readonly passing: boolean;
}

type Cause = readonly [what: string, advice: string, passing: boolean];
const CHECK_HOST = 'check that it runs and that the address is right';
const CHECK_NET = 'check the network and any firewall or proxy between';

const CAUSES: Readonly<Record<string, Cause>> = {
  ECONNREFUSED: ['refuses the connection', CHECK_HOST, true],
  ECONNRESET: ['broke the connection', CHECK_NET, true],
  EPIPE: ['broke the connection', CHECK_NET, true],
  EAI_AGAIN: ['can not be looked up just now', 'check the resolver', true],
  ENOTFOUND: ['is not a name that the resolver knows', 'check its spelling and the resolver', false],
  EHOSTUNREACH: ['can not be reached', CHECK_NET, true],
  ENETUNREACH: ['can not be reached', CHECK_NET, true],
  ETIMEDOUT: ['does not answer in time', CHECK_NET, true],
  UND_ERR_CONNECT_TIMEOUT: ['does not answer in time', CHECK_NET, true],
  UND_ERR_HEADERS_TIMEOUT: ['took the request and does not answer in time', 'check its load', true],
  UND_ERR_BODY_TIMEOUT: ['stopped sending in the middle of a body', CHECK_NET, true],
  UND_ERR_SOCKET: ['broke the connection', CHECK_NET, true],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: ['broke the connection', CHECK_NET, true],
  UND_ERR_HEADERS_OVERFLOW: ['sent headers that are too large', CHECK_HOST, false],
  UND_ERR_DESTROYED: ['can not be asked any more: its client is closed', 'start again', false],
  UND_ERR_CLOSED: ['can not be asked any more: its client is closed', 'start again', false],
  UND_ERR_PRX_TLS: ['can not be reached through the proxy', 'check HTTPS_PROXY', false],
};
const TLS: Cause = [
  'has a certificate that is not trusted here',
  'name its authority in tls.caFile, or check its host name and date',
  false,
];
const NOT_HTTP: Cause = ['does not speak HTTP here', 'check the port, and http:// against https://', false];

/**
 * The fault of an error that a socket or undici raised; undefined for any other error.
 * @param host whom the request went to: the source's own or, after a redirect, another
 */
export function networkTrouble(
  source: Source,
  host: string,
  error: unknown,
  details: FaultDetails = {},
): NetworkTrouble | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  const cause = CAUSES[code] ?? (isTlsCode(code) ? TLS : code.startsWith('HPE_') ? NOT_HTTP : undefined);
  if (cause === undefined) return undefined;
  const [what, advice, passing] = cause;
  const where = host === source.origin.host ? 'it' : `it led to ${host}, which`;
  const fault = new Fault(
    'SOURCE_UNREACHABLE',
    `${at(source)}: ${where} ${what}; ${advice}`,
    { ...details, source: source.name, host },
    cause === NOT_HTTP ? {} : { cause: error }, // undici's error holds what came, whatever it is
  );
  return { fault, passing };
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof Fault) return undefined;
  if (error.name === 'HTTPParserError') return 'HPE_INVALID'; // undici leaves its code out
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return undefined;
}

function isTlsCode(code: string): boolean {
  return (
    code.startsWith('ERR_TLS_') ||
    code.startsWith('ERR_SSL_') ||
    code.startsWith('CERT_') ||
    code === 'EPROTO' ||
    /(?:SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ISSUER|CERT_CHAIN)/.test(code)
  );
}

/** More is never shown, and searching in it would take its time. */
const FOREIGN_MAX_LENGTH = 2000;

/** Text from outside, fit for a message: no credential of the source in it, control characters escaped, one line. */
export function foreignText(source: Source, text: string): string {
  const { credentials } = source;
  const secrets: string[] = [];
  if (credentials !== undefined && 'token' in credentials) secrets.push(credentials.token);
  else if (credentials !== undefined) {
    const { username, password } = credentials;
    secrets.push(password, Buffer.from(`${username}:${password}`).toString('base64'));
  }
  let shown = text.slice(0, FOREIGN_MAX_LENGTH);
  for (const secret of secrets) if (secret !== '') shown = shown.replaceAll(secret, '***');
  // A token that was echoed, and a presigned address, are as good as a credential.
  shown = shown.replaceAll(/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, '$1 ***');
  return quote(shown.replaceAll(/(https?:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/g, '$1?***'));
}
