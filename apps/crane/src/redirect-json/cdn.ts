import { createHmac } from 'node:crypto';

/** How redirects of redirect JSON are fitted to a content delivery network; absent parts change nothing. */
export interface CdnOptions {
  /** Each `match` in the whole URL becomes `replace`. */
  readonly rewrite?: { readonly match: string; readonly replace: string };
  readonly token?: CdnTokenOptions;
}

/** Tokens as Akamai's "Authorization Token 2.0" has them. */
export interface CdnTokenOptions {
  /** Hexadecimal. */
  readonly secret: string;
  readonly ttlMs: number;
  /** The query parameter that carries it. */
  readonly parameter: string;
  readonly algorithm: 'sha256' | 'sha1' | 'md5';
}

/** The URL as the network takes it. @param query of the client's; it goes along, but for a token of its own making */
export type FitToCdn = (url: string, query?: string) => string;

/** @param now milliseconds since 1970 */
export function createCdn({ rewrite, token }: CdnOptions, now: () => number = Date.now): FitToCdn {
  return (url, query = '') => {
    const rewritten = rewrite === undefined ? url : url.replaceAll(rewrite.match, () => rewrite.replace);
    if (token === undefined) return query === '' ? rewritten : `${rewritten}?${query}`;
    const expires = Math.floor(now() / 1000) + Math.floor(token.ttlMs / 1000);
    const own = `${token.parameter}=${tokenOf(pathOf(rewritten), token, expires)}`;
    const kept = query.split('&').filter((one) => one !== '' && keyOf(one) !== token.parameter);
    return `${rewritten}?${[...kept, own].join('&')}`;
  };
}

/** `exp=…~hmac=…` for a path. @param expires seconds since 1970 */
export function tokenOf(
  path: string,
  { secret, algorithm }: Pick<CdnTokenOptions, 'secret' | 'algorithm'>,
  expires: number,
): string {
  const start = `exp=${expires}~`;
  return `${start}hmac=${createHmac(algorithm, Buffer.from(secret, 'hex')).update(`${start}url=${path}`).digest('hex')}`;
}

function pathOf(url: string): string {
  const host = url.indexOf('//') + 2;
  const path = url.indexOf('/', host);
  return path < 0 ? '' : url.slice(path);
}

function keyOf(parameter: string): string {
  const [key = ''] = parameter.split('=', 1);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
