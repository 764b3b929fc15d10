import { Fault } from '@gantry/oci';
import { type Client, FilterParser, ResultCodeError } from 'ldapts';
import type { DirectorySearch } from '../../configuration/access-configuration.ts';
import { type DirectoryAddress, withDirectory } from './directory-client.ts';
import { fillFilter } from './filter.ts';

export interface DirectoryOptions extends DirectoryAddress {
  /** Who looks; absent: nobody, anonymously. */
  readonly bind?: { readonly dn: string; readonly password: string };
  readonly users: DirectorySearch;
  readonly groups: DirectorySearch;
  /** How long one look-up may take. */
  readonly timeoutMs: number;
}

/** A user whose password was right. */
export interface DirectoryUser {
  /** As the directory has it, and not as it was typed: a directory may take `Alice` for `alice`. */
  readonly name: string;
  readonly groups: readonly string[];
}

/** Asks for a user by name and password. undefined: there is no such user, or not just one, or the password is wrong. */
export type Directory = (user: string, password: string) => Promise<DirectoryUser | undefined>;

/** What a server says when it does not let a user in (RFC 4511, appendix A): also one that is locked. */
const REFUSALS: ReadonlySet<number> = new Set([
  19, // constraintViolation
  32, // noSuchObject
  48, // inappropriateAuthentication
  49, // invalidCredentials
  50, // insufficientAccessRights
  53, // unwillingToPerform
]);

/** @throws Fault CONFIGURATION_INVALID for a filter that is none. What it gives throws Fault UNAVAILABLE. */
export function openDirectory(options: DirectoryOptions): Directory {
  const { url, bind, users, groups, timeoutMs } = options;
  checkFilter('users', users);
  checkFilter('groups', groups);

  const ask = async (client: Client, user: string, password: string) => {
    if (bind !== undefined) await client.bind(bind.dn, bind.password);
    const found = await findUser(client, users, user);
    if (found === undefined) return undefined;
    const { dn, name } = found;
    const { searchEntries } = await client.search(groups.base, {
      filter: fillFilter(groups.filter, { dn, user: name }),
      attributes: [groups.name],
    });
    // Last, as from then on the connection is the user's.
    if (!(await isPassword(client, dn, password))) return undefined;
    return { name, groups: searchEntries.flatMap((entry) => textsOf(entry, groups.name)) };
  };

  return async (user, password) => {
    // A bind without a password is no proof of anything, and servers say yes to it (RFC 4513, 5.1.2).
    if (user === '' || password === '') return undefined;
    try {
      return await withDirectory(options, timeoutMs, (client) => ask(client, user, password));
    } catch (cause) {
      // Who calls is not known, so where the directory is and what it says are for the log alone.
      const why = new Error(`${url}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
      throw new Fault(
        'UNAVAILABLE',
        'users can not be looked up in the directory just now',
        {},
        { cause: why },
      );
    }
  };
}

/** The one user of that name. */
async function findUser(
  client: Client,
  users: DirectorySearch,
  user: string,
): Promise<{ dn: string; name: string } | undefined> {
  const { searchEntries } = await client.search(users.base, {
    filter: fillFilter(users.filter, { user }),
    attributes: [users.name],
    sizeLimit: 2,
  });
  const [entry, ...others] = searchEntries;
  if (entry === undefined || others.length > 0 || entry.dn === '') return undefined;
  const [name, ...more] = textsOf(entry, users.name);
  return name === undefined || more.length > 0 ? undefined : { dn: entry.dn, name };
}

async function isPassword(client: Client, dn: string, password: string): Promise<boolean> {
  try {
    await client.bind(dn, password);
    return true;
  } catch (error) {
    if (error instanceof ResultCodeError && REFUSALS.has(error.code)) return false;
    throw error;
  }
}

/** An attribute's values. Its name is written in any case. */
function textsOf(entry: object, attribute: string): string[] {
  const found = Object.entries(entry).find(([name]) => name.toLowerCase() === attribute.toLowerCase());
  return [found?.[1] as unknown]
    .flat()
    .filter((value) => typeof value === 'string' && value !== '') as string[];
}

function checkFilter(key: 'users' | 'groups', { filter }: DirectorySearch): void {
  try {
    FilterParser.parseString(fillFilter(filter, { user: 'x', dn: 'x' }));
  } catch (cause) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `api.ldap.${key}.filter: ${JSON.stringify(filter)} is no filter: ${(cause as Error).message}`,
      { key: `api.ldap.${key}.filter` },
      { cause },
    );
  }
}
