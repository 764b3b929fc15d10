import type { OidcConfiguration } from '../../configuration/access-configuration.ts';
import { GROUP } from '../../configuration/texts.ts';
import type { Identity } from '../authenticator.ts';
import { isCallerName } from '../caller-name.ts';
import type { Scope } from '../scopes.ts';

export type Claims = Readonly<Record<string, unknown>>;

const GROUPS_MAX = 1000;

/** Who has these claims, and what they allow; undefined: the claim that names the caller is no name. */
export function identityIn(
  claims: Claims,
  {
    name,
    nameClaim,
    groupsClaim,
    scopes: rules,
  }: Pick<OidcConfiguration, 'name' | 'nameClaim' | 'groupsClaim' | 'scopes'>,
): Identity | undefined {
  const subject = claimIn(claims, nameClaim);
  if (!isCallerName(subject)) return undefined;
  const scopes = new Set<Scope>();
  for (const rule of rules) {
    if (!textsIn(claims, rule.claim).includes(rule.value)) continue;
    for (const scope of rule.scopes) scopes.add(scope);
  }
  const groups = textsIn(claims, groupsClaim).filter((group) => GROUP.test(group));
  return { name: `${name}:${subject}`, scopes: [...scopes], groups: groups.slice(0, GROUPS_MAX) };
}

/** What a claim says, as texts: one, or those of a list. `scope` is a list with blanks between (RFC 9068, 2.2.3). */
function textsIn(claims: Claims, claim: string): string[] {
  const value = claimIn(claims, claim);
  if (typeof value === 'string' && claim === 'scope') return value.split(' ');
  return [value].flat().flatMap((one) => (isScalar(one) ? [String(one)] : []));
}

/** A claim by its name, or by the way to it: `realm_access.roles`. */
function claimIn(claims: Claims, claim: string): unknown {
  if (Object.hasOwn(claims, claim)) return claims[claim];
  const [first = '', ...rest] = claim.split('.');
  const inner = Object.hasOwn(claims, first) ? claims[first] : undefined;
  if (rest.length === 0 || typeof inner !== 'object' || inner === null) return undefined;
  return claimIn(inner as Claims, rest.join('.'));
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
