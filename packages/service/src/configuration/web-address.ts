import { isLoopbackAddress } from './listen-address.ts';

const HOST = /^(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9._-]{0,252}[a-zA-Z0-9])?)(?::\d{1,5})?$/;

/** What is wrong with the address of a web place, such as a mirror's or a tree's; undefined: nothing. */
export function webAddressProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return 'is not an address: write http:// or https://, a host, and a path if there is one';
  }
  if (hasCredentials(url))
    return 'holds credentials, which everyone who is sent there would see: take them out';
  if (url.search !== '' || text.includes('?'))
    return 'has a query, which no path can be put behind: take it out';
  if (url.hash !== '' || text.includes('#')) return 'has a fragment: take out what follows the "#"';
  return undefined;
}

/** What is wrong with an address whose word is taken for true; undefined: nothing. */
export function trustedAddressProblem(text: string): string | undefined {
  const wrong = webAddressProblem(text);
  if (wrong !== undefined) return wrong;
  const { protocol, hostname } = new URL(text);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (protocol === 'https:' || isLoopbackAddress({ host, port: 0 })) return undefined;
  return 'is plain http beyond loopback, where others could answer in its place: write https://';
}

/** What is wrong with the address of a service that is asked; undefined: nothing. */
export function serviceAddressProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    return 'is not an address: write http:// or https://, a host and a path';
  if (hasCredentials(url)) return 'holds credentials: they belong under token or tokenFile';
  if (url.hash !== '' || text.includes('#')) return 'has a fragment: take out what follows the "#"';
  return undefined;
}

/** What is wrong with a registry's address; undefined: nothing. Without a scheme it means https. */
export function registryAddressProblem(text: string): string | undefined {
  const url = URL.parse(withScheme(text));
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    return "is not a registry's address: write a host such as registry.example.org, or http://… for one without TLS";
  }
  if (hasCredentials(url)) return 'holds credentials: they belong under credentials';
  if (url.search !== '' || url.hash !== '')
    return "has a query or a fragment, which a registry's address has not";
  if (url.pathname !== '/') {
    return "has a path, which a registry's address has not: names of repositories belong under repositories";
  }
  return undefined;
}

/** `https://host[:port]` of a registry: https unless http is written. `text` has passed `registryAddressProblem`. */
export function registryOrigin(text: string): string {
  return new URL(withScheme(text)).origin;
}

/**
 * Whether clients that know the credentials for the host `own` send them to `hostname`, too: to the host itself at any
 * port, and to all hosts below it. Both as the URL standard writes them, so that capitals, other ways to write an address and
 * letters beyond ASCII make no difference; nor does a dot at the end.
 * @param own a host, maybe with a port
 */
export function liesOnOrBelow(hostname: string, own: string): boolean {
  const host = withoutDot(hostname);
  const parent = withoutDot(URL.parse(`http://${own}`)?.hostname ?? own.toLowerCase());
  return host === parent || host.endsWith(`.${parent}`);
}

function withoutDot(hostname: string): string {
  return hostname.replace(/\.$/, '');
}

/** Whether `text` is meant as an http(s) address, and not as a path. */
export function isWebAddress(text: string): boolean {
  return /^https?:/i.test(text);
}

/** Whether `text` is a host or `host:port`. */
export function isHost(text: string): boolean {
  return HOST.test(text);
}

function withScheme(text: string): string {
  return text.includes('://') ? text : `https://${text}`;
}

function hasCredentials(url: URL): boolean {
  return url.username !== '' || url.password !== '';
}
