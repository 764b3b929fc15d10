import { isIPv4, isIPv6 } from 'node:net';
import { Fault, quote } from '@gantry/oci';

/** Where a server listens. Port 0 asks the system for a free one. */
export interface ListenAddress {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62})?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62})?)*$/;
const BRACKETED = /^\[([^\]]*)\]:(\d{1,5})$/;
const PLAIN = /^([^:[\]]*):(\d{1,5})$/;

/** What an address must look like, for messages: follows the value that is none. */
export const LISTEN_EXPECTED =
  'is not an address to listen on: write HOST:PORT, for instance 127.0.0.1:5090, [::1]:5090, or 0.0.0.0:5090 for all of IPv4';

/** Whether `text` is `HOST:PORT`, an IPv6 host in brackets. */
export function isListenAddress(text: string): boolean {
  return parse(text) !== undefined;
}

/** Reads `127.0.0.1:5090`, `localhost:5090` or `[::1]:5090`. @throws Fault CONFIGURATION_INVALID */
export function parseListenAddress(text: string): ListenAddress {
  const address = parse(text);
  if (address === undefined) throw new Fault('CONFIGURATION_INVALID', `${quote(text)} ${LISTEN_EXPECTED}`);
  return address;
}

/** `HOST:PORT` as `parseListenAddress` reads it. */
export function formatListenAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The URL by which a process on the same machine reaches what listens there: all addresses become loopback. */
export function localUrl({ host, port }: ListenAddress, scheme: 'http' | 'https' = 'http'): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${scheme}://${formatListenAddress({ host: reachable, port })}`;
}

/** Whether only processes of the same machine reach what listens there. */
export function isLoopbackAddress({ host }: ListenAddress): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

function parse(text: string): ListenAddress | undefined {
  const bracketed = BRACKETED.exec(text);
  const [, host = '', digits = ''] = bracketed ?? PLAIN.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) return undefined;
  const known = bracketed === null ? isIPv4(host) || isHostName(host) : isIPv6(host);
  return known ? { host, port } : undefined;
}

// A name whose last part is a number would be a mistyped IPv4 address.
function isHostName(host: string): boolean {
  return HOST_NAME.test(host) && !/(?:^|\.)\d+$/.test(host);
}
