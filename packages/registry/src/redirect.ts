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

/** A URL that may be asked, and how far its host is trusted. */
export interface Target {
  readonly url: URL;
  readonly trust: Trust;
}

/**
 * Where a redirect leads.
 * @param visited the URLs asked so far for this request, the one that redirects among them
 * @throws Fault SOURCE_ADDRESS_REFUSED, naming the rule; SOURCE_FAILED for a redirect without a usable Location
 */
export function followRedirect(
  source: Source,
  from: URL,
  location: string | undefined,
  visited: ReadonlySet<string>,
): Target {
  if (location === undefined || !URL.canParse(location, from)) {
    throw new Fault(
      'SOURCE_FAILED',
      `${at(source)}: ${from.host} redirects without a Location that is a URL`,
      { source: source.name },
    );
  }
  const url = new URL(location, from);
  const refused = refusal(source, `${from.host} redirects to ${shown(url)}`, url);
  const trust = judge(source, from, url, refused);
  if (visited.has(url.href)) throw refused('in a circle');
  if (visited.size > REDIRECTS_MAX) throw refused(`after ${REDIRECTS_MAX} redirects before`);
  return { url, trust };
}

/**
 * Where a manifest says that a layer lies: never trusted as the registry itself, for no credentials go there.
 * @throws Fault SOURCE_ADDRESS_REFUSED, naming the rule
 */
export function foreignTarget(source: Source, address: string): Target {
  if (!URL.canParse(address)) {
    throw new Fault('SOURCE_ADDRESS_REFUSED', `${at(source)}: a manifest names a layer at no URL`, {
      source: source.name,
    });
  }
  const url = new URL(address);
  const named = `a manifest names a layer at ${shown(url)}`;
  const trust = judge(source, source.origin, url, refusal(source, named, url));
  return { url, trust: trust === 'own' ? 'named' : trust };
}

/** The rules for where a request may go, after `from`. Takes from `url` what is not for its host. */
function judge(source: Source, from: URL, url: URL, refused: (why: string) => Fault): Trust {
  url.username = '';
  url.password = '';
  url.hash = '';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused('which is not HTTP');
  if (from.protocol === 'https:' && url.protocol === 'http:') throw refused('away from TLS');
  const trust = trustRedirect(source.origin, url, source.allowHosts);
  if (trust !== undefined) return trust;
  throw refused('which is not a public address: name the host in allow.hosts if that is right');
}

/** What may stand in a message: a path or query may be as good as a credential. */
function shown({ origin, protocol }: URL): string {
  return quote(origin === 'null' ? protocol : origin);
}

function refusal(source: Source, what: string, { host }: URL): (why: string) => Fault {
  return (why) =>
    new Fault('SOURCE_ADDRESS_REFUSED', `${at(source)}: ${what}, ${why}`, { source: source.name, host });
}
