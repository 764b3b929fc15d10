import { anyOf } from '@gantry/oci/glob';
import type { PullRule } from '../configuration/private.ts';

/** Somebody who is known, as rules ask for them. */
export interface Puller {
  readonly name: string;
  readonly groups: readonly string[];
}

/** Who may pull what. Every question is answered by the same work, whatever the name, so that no answer tells by its time. */
export interface PullRules {
  /** Whether not everybody may pull it. */
  readonly isPrivate: (repository: string) => boolean;
  /** What somebody may pull of what is private. */
  grantsOf(puller: Puller): (repository: string) => boolean;
}

/**
 * @param repositories globs over what is private
 * @throws Fault CONFIGURATION_INVALID for what is no glob
 */
export function createPullRules(repositories: readonly string[], rules: readonly PullRule[]): PullRules {
  const known = rules.map((rule) => ({ ...rule, matches: anyOf(rule.repositories) }));
  return {
    isPrivate: anyOf(repositories),
    grantsOf({ name, groups }) {
      const granted = known
        .filter((rule) => rule.users.includes(name) || rule.groups.some((group) => groups.includes(group)))
        .map(({ matches }) => matches);
      return (repository) => granted.some((matches) => matches(repository));
    },
  };
}
