import type { Resolve } from './complete-engines.ts';
import type { LdapConfiguration, OidcConfiguration } from './access-configuration.ts';
import type { LdapEntry, OidcEntry } from './access.ts';
import { secretOf } from './secret.ts';

export function completeOidc(entry: OidcEntry, at: Resolve): OidcConfiguration {
  const { jwksUri, caFile, clockTolerance, ...rest } = entry;
  return {
    ...rest,
    ...(jwksUri !== undefined && { jwksUri }),
    ...(caFile !== undefined && { caFile: at(caFile) }),
    clockToleranceMs: clockTolerance,
  };
}

export function completeLdap(entry: LdapEntry, at: Resolve): LdapConfiguration {
  const { caFile, bindDn, bindPassword, bindPasswordFile, timeout, ...rest } = entry;
  return {
    ...rest,
    ...(caFile !== undefined && { caFile: at(caFile) }),
    ...(bindDn !== undefined && {
      bind: { dn: bindDn, password: secretOf('api.ldap.bindPassword', bindPassword, bindPasswordFile, at) },
    }),
    timeoutMs: timeout,
  };
}
