const PART = /^(\^|~|>=|<=|>|<|=)?v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([^+]*))?(?:\+.*)?$/;

/**
 * A range of regclient's `internal/semver` as npm writes it, to be read with pre-releases (`tags.prereleases`): there a
 * version is compared with each bound, whatever stands behind its numbers. What a bound leaves out is 0, with `~` and `^`
 * too: `~1` is 1.0, `^0` is 0.0.0, and `1` is 1.0.0 alone.
 * @returns undefined for what regclient refuses (`x`, `||`, commas, spaces behind an operator), and for numbers beyond three
 */
export function regclientRange(range: string): string | undefined {
  const parts = range.trim().split(/\s+/).map(bounds);
  return parts.includes(undefined) ? undefined : parts.join(' ');
}

function bounds(part: string): string | undefined {
  const [, operator = '=', ...numbers]: readonly (string | undefined)[] = PART.exec(part) ?? [];
  const [major, minor, patch] = numbers.slice(0, 3).map((number = '0') => Number(number));
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  const before = numbers[3] ?? '';
  const version = `${major}.${minor}.${patch}${before === '' ? '' : `-${before}`}`;
  if (operator === '~') return `>=${version} <${major}.${minor + 1}.0`;
  if (operator !== '^') return `${operator}${version}`;
  if (major > 0) return `>=${version} <${major + 1}.0.0`;
  return minor > 0 ? `>=${version} <0.${minor + 1}.0` : `>=${version} <0.0.${patch + 1}`;
}
