import { isLoopbackAddress } from './listen-address.ts';

/** What is wrong with the address of an LDAP server; undefined: nothing. */
export function directoryAddressProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^ldaps?:$/.test(url.protocol) || url.hostname === '')
    return 'is not the address of an LDAP server: write ldaps://ldap.example.org, or ldap://… with startTls';
  if (url.username !== '' || url.password !== '')
    return 'holds credentials: they belong under bindDn and bindPasswordFile';
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    return 'has more than a host and a port: where to look belongs under users.base and groups.base';
  return undefined;
}

/** Whether passwords would go over a network as they are. `text` has passed `directoryAddressProblem`. */
export function isPlainBeyondLoopback(text: string): boolean {
  const { protocol, hostname, port } = new URL(text);
  const host = hostname.replace(/^\[|\]$/g, '');
  return protocol === 'ldap:' && !isLoopbackAddress({ host, port: Number(port) });
}

/** What is wrong with a DN that is bound with; undefined: nothing. The server has the last word. */
export function bindNameProblem(text: string): string | undefined {
  return text.includes('=') ? undefined : 'is not a DN: write for instance cn=gantry,dc=example,dc=org';
}

/** What is wrong with a search filter (RFC 4515), in which one of the places must stand; undefined: nothing. */
export function filterProblem(text: string, places: readonly string[]): string | undefined {
  if (!isInParentheses(text)) return 'is no filter: parentheses go around it, and in pairs';
  for (const [place, name] of text.matchAll(/\{(\w*)\}/g)) {
    if (!places.includes(name ?? '')) return `has ${place}, which is nothing: ${listed(places)} is`;
  }
  if (places.some((name) => text.includes(`{${name}}`))) return undefined;
  return `has no ${listed(places)}, so it would find the same for everybody`;
}

function isInParentheses(text: string): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '(') depth++;
    else if (text[index] === ')') depth--;
    if (depth === 0) return index > 0 && index === text.length - 1;
  }
  return false;
}

function listed(places: readonly string[]): string {
  return places.map((name) => `{${name}}`).join(' or ');
}
