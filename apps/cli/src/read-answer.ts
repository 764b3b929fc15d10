import { Fault } from '@gantry/oci';

type MemberType = 'string' | 'number' | 'boolean' | 'object';

/**
 * An answer as it came. Only what the commands rely on is looked at: another server at the address would answer with
 * something else.
 * @param what it should be, for the message: `a promotion`
 * @param members those that must be there, by their types
 * @throws Fault ROUTE_UNKNOWN for what is something else
 */
export function readAnswer<T>(
  value: unknown,
  what: string,
  members: { readonly [Name in keyof T]?: MemberType },
): T {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const isIt = Object.entries(members).every(
    ([name, type]) => typeof record[name] === type && record[name] !== null,
  );
  if (isIt) return value as T;
  throw new Fault(
    'ROUTE_UNKNOWN',
    `the server answered with something else than ${what}: is it a Gantry server of this version?`,
  );
}

/** A number that an answer has as a member. @throws Fault ROUTE_UNKNOWN for what has none */
export function readCount(value: unknown, member: string): number {
  return readAnswer<Record<string, number>>(value, 'a count', { [member]: 'number' })[member] ?? 0;
}
