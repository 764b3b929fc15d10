import { compilePattern, globMatcher, type Matcher } from '@gantry/oci/glob';

/**
 * A pattern as people write it in the configuration: a name, a glob, or a regular expression (RE2) between slashes. It
 * must match the whole text.
 * @throws Fault CONFIGURATION_INVALID
 */
export function patternMatcher(pattern: string): Matcher {
  if (!isRegex(pattern)) return globMatcher(pattern);
  const regex = compilePattern(`^(?:${pattern.slice(1, -1)})$`, pattern);
  return (text) => regex.test(text);
}

/** Whether it is written as a regular expression: `/^v[0-9]+$/`. */
export function isRegex(pattern: string): boolean {
  return pattern.length > 2 && pattern.startsWith('/') && pattern.endsWith('/');
}
