import { Fault, quote } from '@gantry/oci';
import type { Source } from './options.ts';
import { at } from './source-faults.ts';
import { type Trust, trustRedirect } from './trust.ts';

/** How many redirects one request may lead through. */
export const REDIRECTS_MAX = 5;

/** Whether a status tells to ask elsewhere, with the same method. */
export function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/**
 * Where a redirect leads, and how far that host is trusted.
 * @param visited the URLs asked so far for this request, the one that redirects among them
 * @throws Fault SOURCE_ADDRESS_REFUSED, naming the rule; SOURCE_FAILED for a redirect without a usable Location
 */
export function followRedirect(
  source: Source,
  from: URL,
  location: string | undefined,
  visited: ReadonlySet<string>,
): { url: URL; trust: Trust } {
  const fault = (code: 'SOURCE_ADDRESS_REFUSED' | 'SOURCE_FAILED', what: string, host?: string) =>
    new Fault(code, `${at(source)}: ${what}`, { source: source.name, host });
  if (location === undefined || !URL.canParse(location, from)) {
    throw fault('SOURCE_FAILED', `${from.host} redirects without a Location that is a URL`);
  }
  const url = new URL(location, from);
  url.username = '';
  url.password = '';
  url.hash = '';
  const refused = (why: string) =>
    fault('SOURCE_ADDRESS_REFUSED', `${from.host} redirects to ${quote(url.origin)}, ${why}`, url.host);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('which is not HTTP');
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refused('away from TLS');
  if (visited.has(url.href)) throw refused('in a circle');
  if (visited.size > REDIRECTS_MAX) throw refused(`after ${REDIRECTS_MAX} redirects before`);
  const trust = trustRedirect(source.origin, url, source.allowHosts);
  if (trust === undefined) {
    throw refused('which is not a public address: name the host in allow.hosts if that is right');
  }
  return { url, trust };
}
