import { locationOf, type Mirror, type MirrorState } from '../choose/mirror.ts';
import { type Answer, NO_BODY } from './answer.ts';
import type { Site } from './site.ts';

/**
 * The answer that sends a client to a mirror.
 *
 * `path` is made of a digest's and a kind's own alphabet, and the base is the configuration's: no more goes into a
 * Location, but the signature where the mirror looks for one.
 * @param duplicates other mirrors that have the same, for clients that can make use of them (RFC 6249, section 2)
 */
export function redirect(
  route: 'manifest' | 'blob',
  { mirror }: MirrorState,
  path: string,
  site: Site,
  duplicates: readonly MirrorState[] = [],
): Answer {
  const headers = ['Location', addressAt(mirror, path, site), 'Content-Length', '0'];
  if (duplicates.length > 0) {
    const links = duplicates.map((other, index) => {
      const [country] = other.mirror.countries;
      const geo = country === undefined ? '' : `; geo=${country.toLowerCase()}`;
      return `<${addressAt(other.mirror, path, site)}>; rel=duplicate; pri=${index + 2}${geo}`;
    });
    headers.push('Link', links.join(', '));
  }
  return { route, status: site.status, headers, body: NO_BODY, mirror: mirror.name };
}

function addressAt(mirror: Mirror, path: string, { signUrl }: Site): string {
  return mirror.isSigned && signUrl !== undefined ? signUrl(mirror.base, path) : locationOf(mirror, path);
}
