import { isRepositoryName } from '@gantry/oci';

/** What a token lets its holder do with one resource (distribution's "Token Scope Documentation"). */
export interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const MAX_SCOPES = 100;

/**
 * Reads the scopes of a request for a token: `repository:NAME:pull,push`, several by blanks. What is no scope for a
 * repository is left out, as what may not be granted is.
 */
export function parseScopes(scopes: readonly string[]): Access[] {
  return scopes
    .flatMap((scope) => scope.split(' '))
    .slice(0, MAX_SCOPES)
    .flatMap((scope) => {
      const [, name = '', actions = ''] = /^repository(?:\([^)]*\))?:([^:]+):([a-z,*]+)$/.exec(scope) ?? [];
      return isRepositoryName(name) ? [{ type: 'repository', name, actions: actions.split(',') }] : [];
    });
}

/** The names of the repositories that the claim `access` lets one pull; undefined: it is no such claim. */
export function pullableIn(claim: unknown): ReadonlySet<string> | undefined {
  if (claim === undefined || claim === null) return new Set();
  if (!Array.isArray(claim)) return undefined;
  const names = new Set<string>();
  for (const entry of claim as unknown[]) {
    const { type, name, actions } = Object(entry) as Readonly<Record<string, unknown>>;
    if (type !== 'repository' || typeof name !== 'string' || !Array.isArray(actions)) continue;
    if (actions.includes('pull') || actions.includes('*')) names.add(name);
  }
  return names;
}
