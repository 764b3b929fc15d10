import { isPlainBeyondLoopback } from './directory-texts.ts';
import type { Configuration } from './configuration.ts';
import type { KeyPath, Problem } from './problems.ts';
import { isRecord } from './schema-shape.ts';

const LDAP: KeyPath = ['api', 'ldap'];

/** What is wrong with `api.ldap` as it was written, beside what the schema finds. */
export function ldapProblems(ldap: unknown): Problem[] {
  if (!isRecord(ldap)) return [];
  const { url, startTls, caFile, bindDn } = ldap;
  const isTls = typeof url === 'string' && /^ldaps:/i.test(url);
  const problems: Problem[] = [];
  if (isTls && startTls === true)
    problems.push({
      path: [...LDAP, 'startTls'],
      message: 'is for ldap://, and ldaps:// has TLS from the start',
    });
  if (!isTls && startTls !== true && caFile !== undefined)
    problems.push({
      path: [...LDAP, 'caFile'],
      atKey: true,
      message: 'is for TLS: write ldaps://, or startTls: true',
    });
  const passwords = ['bindPassword', 'bindPasswordFile'].filter((key) => ldap[key] !== undefined);
  if (bindDn === undefined && passwords.length > 0)
    problems.push({ path: LDAP, message: `is not complete: ${passwords.join(' and ')} without bindDn` });
  if (bindDn !== undefined && passwords.length !== 1)
    problems.push({
      path: LDAP,
      message:
        passwords.length === 0
          ? 'is not complete: it needs bindPasswordFile, as no server should take a DN without a password'
          : `has ${passwords.join(' and ')}: leave one`,
    });
  return problems;
}

/** The lists of scopes below `api.oidc` and `api.ldap`, with where they stand. */
export function grantedScopes(api: Readonly<Record<string, unknown>>): { path: KeyPath; scopes: unknown }[] {
  const { oidc, ldap } = api;
  const issuers = Array.isArray(oidc) ? (oidc as unknown[]) : [];
  const byClaim = issuers.flatMap((issuer, index) => {
    const rules = isRecord(issuer) && Array.isArray(issuer['scopes']) ? (issuer['scopes'] as unknown[]) : [];
    return rules.map((rule, at) => ({
      path: ['api', 'oidc', index, 'scopes', at, 'scopes'],
      scopes: isRecord(rule) ? rule['scopes'] : undefined,
    }));
  });
  const byGroup = isRecord(ldap) && isRecord(ldap['scopes']) ? Object.entries(ldap['scopes']) : [];
  return [...byClaim, ...byGroup.map(([group, scopes]) => ({ path: [...LDAP, 'scopes', group], scopes }))];
}

/** What works, and should not be so. */
export function accessWarnings({ api: { ldap } }: Configuration): Problem[] {
  if (ldap === undefined || ldap.startTls || !isPlainBeyondLoopback(ldap.url)) return [];
  return [
    {
      path: [...LDAP, 'url'],
      value: ldap.url,
      message: 'has no TLS, so passwords can be read on the way there: write ldaps://, or startTls: true',
    },
  ];
}
