/** As many times as ConfigParser fills in what was filled in. */
const MAX_ROUNDS = 10;
/** What is longer was filled in with itself, again and again. */
const MAX_LENGTH = 64 * 1024;

/**
 * Fills in `%(name)s` as ConfigParser's `get` of Python 2.7 does: what is filled in is looked through again, and `%%` is `%`. A text
 * without `%(` stays as it is, with each `%` in it.
 * @param valueOf of a name in small letters; undefined: there is none
 */
export function interpolate(
  text: string,
  valueOf: (name: string) => string | undefined,
): { readonly text: string } | { readonly problem: string } {
  let filled = text;
  for (let round = 0; filled.includes('%('); round += 1) {
    if (round === MAX_ROUNDS || filled.length > MAX_LENGTH) return { problem: 'is filled in without end' };
    let problem: string | undefined;
    filled = filled.replaceAll(/%(?:%|\(([^)]*)\)s)?/g, (found, name?: string) => {
      if (found === '%%') return '%';
      if (name === undefined) {
        problem ??= 'has a % beside %(NAME)s that is neither that nor %%';
        return '';
      }
      const value = valueOf(name.toLowerCase());
      if (value === undefined) problem ??= `has %(${name})s, and neither its section nor [DEFAULT] has that`;
      return value ?? '';
    });
    if (problem !== undefined) return { problem };
  }
  return { text: filled };
}
