const NUMBER = String.raw`(\d+|[xX*])`;
const VERSION = String.raw`v?${NUMBER}(?:\.${NUMBER})?(?:\.${NUMBER})?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?`;
const COMPARATOR = new RegExp(`^(=|!=|>=|=>|<=|=<|>|<|~>|~|\\^)?${VERSION}$`);
const HYPHEN = new RegExp(`(?<=^|[\\s,|])(${VERSION})\\s+-\\s+(${VERSION})(?=$|[\\s,|])`, 'g');

/** Versions that one set of rules for tags takes. */
export interface VersionRule {
  /** As npm writes it. */
  readonly semver: string;
  /** Whether a version before a release counts as any other. */
  readonly prereleases: boolean;
}

/**
 * A constraint of github.com/Masterminds/semver (3.4 and later) as npm writes it. There a part between `||` takes
 * pre-releases as any other version if one of its bounds names one, else none: so it may become two rules.
 * @returns undefined for what the library refuses, and for a few odd ones that npm has no word for, as `>*`
 */
export function mastermindsRange(constraint: string): readonly VersionRule[] | undefined {
  const taken: Record<'with' | 'without', string[]> = { without: [], with: [] };
  for (const part of constraint.replaceAll(HYPHEN, hyphenBounds).split('||')) {
    const bounds = part
      .trim()
      .replaceAll(/([=!<>~^])\s+/g, '$1')
      .split(/\s*,\s*|\s+/)
      .map(readBound);
    const hasPrereleases = bounds.some((bound) => bound !== undefined && bound.before !== '');
    // Each bound may be several ranges, of which one has to hold: `!=`.
    let ranges: readonly string[] = [''];
    for (const bound of bounds) {
      const either = bound && rangesOf(bound, hasPrereleases);
      if (either === undefined) return undefined;
      ranges = ranges.flatMap((range) => either.map((one) => `${range} ${one}`.trim()));
    }
    taken[hasPrereleases ? 'with' : 'without'].push(...ranges);
  }
  return (['without', 'with'] as const)
    .filter((which) => taken[which].length > 0)
    .map((which) => ({ semver: taken[which].join(' || '), prereleases: which === 'with' }));
}

/** `A - B`, which is no more than other words there. */
function hyphenBounds(...[, from, , , , , to]: readonly string[]): string {
  return `>=${from},<=${to}`;
}

interface Bound {
  readonly operator: string;
  /** Undefined where there is none, or an `x`; so are those behind it. */
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly patch: number | undefined;
  /** `-rc.1`, or nothing. */
  readonly before: string;
}

function readBound(text: string): Bound | undefined {
  const read = COMPARATOR.exec(text);
  if (read === null) return undefined;
  const [, operator = '=', ...parts] = read;
  const end = parts.slice(0, 3).findIndex((part) => part === undefined || /[xX*]/.test(part));
  const [major, minor, patch] = parts.slice(0, end < 0 ? 3 : end).map(Number);
  return { operator, major, minor, patch, before: parts[3] === undefined ? '' : `-${parts[3]}` };
}

/** The ranges of npm that are the same as a bound, of which one has to hold. */
function rangesOf(bound: Bound, hasPrereleases: boolean): readonly string[] | undefined {
  const { operator, major, minor = 0, patch = 0, before } = bound;
  const version = `${major ?? 0}.${minor}.${patch}${before}`;
  if (major === undefined) return /^(?:=|~>?|>=|=>)$/.test(operator) ? [`>=${version}`] : undefined;
  const lowest = hasPrereleases ? '-0' : '';
  const nextMajor = `${major + 1}.0.0${lowest}`;
  const nextMinor = `${major}.${minor + 1}.0${lowest}`;
  /** Where what the numbers name together ends, as 1.2 does at 1.3.0; undefined: they name one version. */
  const end = bound.minor === undefined ? nextMajor : bound.patch === undefined ? nextMinor : undefined;
  switch (operator) {
    case '=':
      return [end === undefined ? `=${version}` : `>=${version} <${end}`];
    case '!=':
      if (end === undefined) return [`<${version}`, `>${version}`];
      if (hasPrereleases && (bound.minor !== undefined || before !== '')) return undefined;
      return [`<${version}${lowest}`, `>=${end}`];
    case '>':
      return [end === undefined ? `>${version}` : `>=${end}`];
    case '<=':
    case '=<':
      return [end === undefined ? `<=${version}` : `<${end}`];
    case '<':
      return [`<${version}`];
    case '^':
      return [`>=${version} <${endOfCaret(bound, { nextMajor, nextMinor, lowest })}`];
    case '~':
    case '~>':
      if (end === undefined && `${major}.${minor}.${patch}` === '0.0.0') return [`>=${version}`];
      return [`>=${version} <${bound.minor === undefined ? nextMajor : nextMinor}`];
    default:
      return [`>=${version}`];
  }
}

/** Where the left-most number that is not 0 changes. */
function endOfCaret(
  { major, minor, patch }: Bound,
  { nextMajor, nextMinor, lowest }: Readonly<Record<'nextMajor' | 'nextMinor' | 'lowest', string>>,
): string {
  if (major !== 0 || minor === undefined) return nextMajor;
  return minor > 0 || patch === undefined ? nextMinor : `0.0.${patch + 1}${lowest}`;
}
