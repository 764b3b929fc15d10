import type { Authenticator, Identity } from '@gantry/service';

const SCHEME_AND_REST = /^([A-Za-z][A-Za-z0-9-]*) +(\S+) *$/;
const BASE64 = /^[A-Za-z0-9+/]+=*$/;

/**
 * Who sent a token by whatever means a registry's webhook can be told to send it: after any scheme (`Bearer T`, `Token T`),
 * bare, or as the password of Basic. Who sends a user's own password by Basic is known by it as everywhere.
 */
export async function identifyByAnyScheme(
  authenticator: Authenticator,
  authorization: string | undefined,
): Promise<Identity | undefined> {
  if (authorization === undefined) return undefined;
  const text = authorization.trim();
  const [, scheme = '', rest = ''] = SCHEME_AND_REST.exec(text) ?? [];
  if (rest === '') return authenticator.identify(`Bearer ${text}`);
  const asToken = await authenticator.identify(`Bearer ${rest}`);
  if (asToken !== undefined || scheme.toLowerCase() !== 'basic') return asToken;
  const password = passwordIn(rest);
  const asPassword = password === undefined ? undefined : await authenticator.identify(`Bearer ${password}`);
  return asPassword ?? authenticator.identify(authorization);
}

/** Of `user:password` in base64 (RFC 7617). */
function passwordIn(credentials: string): string | undefined {
  if (!BASE64.test(credentials)) return undefined;
  const text = Buffer.from(credentials, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : text.slice(colon + 1);
}
