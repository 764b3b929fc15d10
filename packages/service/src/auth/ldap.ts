import { Fault } from '@gantry/oci';
import { GROUP } from '../configuration/texts.ts';
import type { Authenticator } from './authenticator.ts';
import { basicCredentials } from './basic.ts';
import { isCallerName } from './caller-name.ts';
import type { Directory } from './ldap/directory.ts';
import { remember } from './ldap/remember.ts';
import type { Scope } from './scopes.ts';

/** How many users are looked up at once: whoever guesses passwords must not take the directory from all others. */
const LOOKUPS_MAX = 32;
const NAME_MAX_LENGTH = 256;
const PASSWORD_MAX_LENGTH = 1024;

/**
 * Knows callers by their names and passwords in a directory. What groups allow is `scopes`, by the group's name.
 * @param now milliseconds
 */
export function authenticateByDirectory(
  directory: Directory,
  scopes: Readonly<Record<string, readonly Scope[]>>,
  now?: () => number,
): Authenticator {
  let underWay = 0;
  const find = remember(async (user, password) => {
    if (underWay >= LOOKUPS_MAX) {
      throw new Fault('UNAVAILABLE', `${LOOKUPS_MAX} users are looked up in the directory already`);
    }
    underWay++;
    try {
      return await directory(user, password);
    } finally {
      underWay--;
    }
  }, now);

  return {
    async identify(authorization) {
      const { user, password } = basicCredentials(authorization) ?? { user: '', password: '' };
      if (user === '' || password === '') return undefined;
      if (user.length > NAME_MAX_LENGTH || password.length > PASSWORD_MAX_LENGTH) return undefined;
      const found = await find(user, password);
      if (found === undefined || !isCallerName(found.name)) return undefined;
      const groups = found.groups.filter((group) => GROUP.test(group)).toSorted();
      const allowed = groups.flatMap((group) => (Object.hasOwn(scopes, group) ? scopes[group] : []));
      return {
        name: `ldap:${found.name}`,
        scopes: [...new Set(allowed.filter((scope) => scope !== undefined))],
        groups,
      };
    },
  };
}
