import { type Authenticator, basicCredentials, type Identity } from '@gantry/service';

const SCHEME_AND_REST = /^([A-Za-z][A-Za-z0-9-]*) +(\S+) *$/;

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
  const password = basicCredentials(text)?.password;
  const asPassword = password === undefined ? undefined : await authenticator.identify(`Bearer ${password}`);
  return asPassword ?? authenticator.identify(authorization);
}
