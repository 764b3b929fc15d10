import { addressKind, literalAddress } from './address-guard.ts';

/**
 * How far a host is trusted by a source:
 * - `own`: the registry itself, scheme, host and port: gets credentials and the client certificate;
 * - `named`: the registry's host on another port, or a host that the configuration names: may have any address;
 * - `sibling`: in the registry's own domain, for tokens: a public address, or one of the registry's own kind;
 * - `other`: must have a public address.
 */
export type Trust = 'own' | 'named' | 'sibling' | 'other';

/** How far the target of a redirect is trusted; undefined for one that may not be asked at all. */
export function trustRedirect(origin: URL, target: URL, allowHosts: readonly string[]): Trust | undefined {
  if (target.origin === origin.origin) return 'own';
  if (isSameHost(origin, target) || isNamed(target, allowHosts)) return 'named';
  return isReachableByName(target) ? 'other' : undefined;
}

/**
 * How far a token realm is trusted; undefined for one that may not be asked, even without credentials. Never another IP
 * address than the registry's.
 */
export function trustRealm(origin: URL, realm: URL, allowRealms: readonly string[]): Trust | undefined {
  const isTls = realm.protocol === 'https:';
  if (!isTls && (realm.protocol !== 'http:' || origin.protocol === 'https:')) return undefined;
  if (realm.origin === origin.origin) return 'own';
  if (isSameHost(origin, realm) || isNamed(realm, allowRealms)) return 'named';
  const domain = registrableDomain(origin.hostname);
  return domain !== undefined && domain === registrableDomain(realm.hostname) ? 'sibling' : undefined;
}

// Below these, neighbours are strangers: hosting platforms and registries that give each customer a name.
const SHARED_DOMAINS: ReadonlySet<string> = new Set([
  'amazonaws.com',
  'appspot.com',
  'azure.com',
  'azurecr.io',
  'azurewebsites.net',
  'cloudapp.net',
  'cloudfront.net',
  'github.io',
  'gitlab.io',
  'herokuapp.com',
  'jfrog.io',
  'netlify.app',
  'ngrok.io',
  'nip.io',
  'pages.dev',
  'run.app',
  'sslip.io',
  'vercel.app',
  'windows.net',
  'workers.dev',
]);

/**
 * The domain that a host's owner has registered, guessed on the safe side without the public suffix list: the last two
 * labels; three below a two-letter top level with a short second one (`co.uk`), or below a domain that many share.
 * Undefined for an address, a single label, or a name that has no such domain.
 */
export function registrableDomain(hostname: string): string | undefined {
  if (literalAddress(hostname) !== undefined) return undefined;
  const labels = bareName(hostname).split('.');
  const [second = '', top = ''] = labels.slice(-2);
  if (labels.length < 2) return undefined;
  const lastTwo = `${second}.${top}`;
  const isSuffix = (top.length === 2 && second.length <= 3) || SHARED_DOMAINS.has(lastTwo);
  const count = isSuffix ? 3 : 2;
  return labels.length < count ? undefined : labels.slice(-count).join('.');
}

/** Whether a host that the configuration does not name may be asked: not by an address that is not public, nor as localhost. */
function isReachableByName(target: URL): boolean {
  const address = literalAddress(target.hostname);
  if (address !== undefined) return addressKind(address) === 'public';
  const name = bareName(target.hostname);
  return name !== 'localhost' && !name.endsWith('.localhost');
}

function isSameHost(one: URL, other: URL): boolean {
  return bareName(one.hostname) === bareName(other.hostname);
}

/** Whether `names` has the URL's host, or its host and port. */
function isNamed(url: URL, names: readonly string[]): boolean {
  const host = bareName(url.hostname);
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return names.some((name) => {
    const wanted = name.toLowerCase();
    return wanted === host || wanted === `${host}:${port}` || `[${wanted}]` === host;
  });
}

/** URLs hold names in lower case, in their ASCII form; a dot at the end means the same name. */
function bareName(hostname: string): string {
  return hostname.replace(/\.$/, '');
}
