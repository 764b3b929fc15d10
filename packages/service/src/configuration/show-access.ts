import type { LdapConfiguration, OidcConfiguration } from './access-configuration.ts';
import type { Configuration } from './configuration.ts';
import { formatDuration } from './duration.ts';
import { showSecret } from './secret.ts';

/** Who may call the API, in the form of the file. */
export function showAccess({
  tokens,
  oidc,
  ldap,
}: Pick<Configuration['api'], 'tokens' | 'oidc' | 'ldap'>): Record<string, unknown> {
  return {
    tokens: tokens.map(({ name, token, scopes, groups }) => ({
      name,
      ...showSecret('token', token),
      scopes,
      groups,
    })),
    oidc: oidc.map(showOidc),
    ...(ldap !== undefined && { ldap: showLdap(ldap) }),
  };
}

function showOidc({ clockToleranceMs, ...rest }: OidcConfiguration): Record<string, unknown> {
  return { ...rest, clockTolerance: formatDuration(clockToleranceMs) };
}

function showLdap({ bind, timeoutMs, ...rest }: LdapConfiguration): Record<string, unknown> {
  return {
    ...rest,
    ...(bind !== undefined && { bindDn: bind.dn, ...showSecret('bindPassword', bind.password) }),
    timeout: formatDuration(timeoutMs),
  };
}
