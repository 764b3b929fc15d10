import type { Channel } from '@gantry/pipeline';
import { type Identity, lacksScope, requireScope, type Scope } from '@gantry/service';
import type { Access, Call, Route } from './route.ts';

/** Who calls an open route. */
const NOBODY: Identity = { name: 'nobody', scopes: [], groups: [] };

export const READ: Access = { shown: 'read', kinds: ['read'], scopes: () => ['read'] };
export const SYNC: Access = { shown: 'sync', kinds: ['sync'], scopes: () => ['sync'] };
/** Whoever is known, whatever its scopes. */
export const ANYBODY: Access = { shown: 'any token', kinds: 'any', scopes: () => [] };
export const ADMIN: Access = { shown: 'admin', kinds: [], scopes: () => ['admin'] };

/** The scopes that changing a channel needs; `*`: all channels that stand in the tree. */
export function promoteScopes(to: string, channels: readonly Channel[]): readonly Scope[] {
  if (to !== '*') return [`promote:${to}`];
  const published = channels.filter(({ publish }) => publish);
  return published.length === 0 ? ['admin'] : published.map(({ name }): Scope => `promote:${name}`);
}

/**
 * What can be said of a caller before the request's input is known.
 * @throws Fault UNAUTHORIZED without a known token, DENIED when its scopes are all of other kinds
 */
export function admit(route: Route, caller: Identity | undefined): Identity {
  if (route.access === 'open') return NOBODY;
  const { kinds, shown } = route.access;
  // Without a token this throws what says so; a scope that any token has does not exist.
  const identity = caller ?? requireScope(undefined, 'read');
  const some =
    kinds === 'any' ||
    identity.scopes.some(
      (scope) => scope === 'admin' || kinds.some((kind) => scope === kind || scope.startsWith(`${kind}:`)),
    );
  if (some) return identity;
  throw lacksScope(identity, shown);
}

/** @throws Fault DENIED, naming the scope that is missing; what looking up the call's subject throws */
export async function authorize(route: Route, call: Call): Promise<void> {
  if (route.access === 'open') return;
  for (const scope of await route.access.scopes(call)) requireScope(call.caller, scope);
}
