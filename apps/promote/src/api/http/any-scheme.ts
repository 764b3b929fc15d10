import type { Identity, TokenTable } from '@gantry/service';

const SCHEME_AND_REST = /^([A-Za-z][A-Za-z0-9-]*) +(\S+) *$/;
const BASE64 = /^[A-Za-z0-9+/]+=*$/;

/**
 * Who sent a token by whatever means a registry's webhook can be told to send it: after any scheme (`Bearer T`, `Token T`),
 * bare, or as the password of Basic. Each look-up takes the same time, whether it finds somebody or not.
 */
export function identifyByAnyScheme(
  tokens: TokenTable,
  authorization: string | undefined,
): Identity | undefined {
  if (authorization === undefined) return undefined;
  const text = authorization.trim();
  const [, scheme = '', rest = ''] = SCHEME_AND_REST.exec(text) ?? [];
  if (rest === '') return tokens.identify(`Bearer ${text}`);
  const password = scheme.toLowerCase() === 'basic' ? passwordIn(rest) : undefined;
  const asBasic = password === undefined ? undefined : tokens.identify(`Bearer ${password}`);
  return tokens.identify(`Bearer ${rest}`) ?? asBasic;
}

/** Of `user:password` in base64 (RFC 7617). */
function passwordIn(credentials: string): string | undefined {
  if (!BASE64.test(credentials)) return undefined;
  const text = Buffer.from(credentials, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}
