import type { LdapConfiguration } from '../configuration/access-configuration.ts';
import { readPem } from '../http/tls-server.ts';
import type { Authenticator } from './authenticator.ts';

/**
 * Knows callers by a directory. It is asked when the first user comes, so that one that does not answer holds up no start.
 * @throws Fault CONFIGURATION_INVALID for files that can not be read, and for a filter that is none
 */
export async function openLdap(ldap: LdapConfiguration): Promise<Authenticator> {
  // Both load what a command line need not.
  const { authenticateByDirectory } = await import('./ldap.ts');
  const { openDirectory } = await import('./ldap/directory.ts');
  const { caFile, bind, scopes, ...rest } = ldap;
  const directory = openDirectory({
    ...rest,
    ...(caFile !== undefined && { ca: await readPem(caFile, 'api.ldap.caFile') }),
    ...(bind !== undefined && { bind: { dn: bind.dn, password: await bind.password.read() } }),
  });
  return authenticateByDirectory(directory, scopes);
}
