import { Fault, quote } from '@gantry/oci';
import { compare, Range } from 'semver';
import { isGlob, type Matcher } from '@gantry/oci/glob';
import { isRegex, patternMatcher } from './pattern.ts';
import { versionOf } from './version.ts';

/** What is asked of a tag's name; all of it must agree. */
export interface NameRules {
  /** Names, globs, or regular expressions (RE2) between slashes, which must match the whole tag. Absent: all. */
  readonly include?: readonly string[];
  /** Stronger than include. */
  readonly exclude?: readonly string[];
  /** A range as npm writes it: `>=1.2 <2`. A tag that names no version is left. */
  readonly semver?: string;
  /**
   * Whether a version before a release is in the range as any other. Absent: as npm has it, only in a range that names one
   * of the same three numbers.
   */
  readonly prereleases?: boolean;
}

/**
 * Which tags are taken: those of which the rules for names agree, or those of one of `or`, and then all others. In this
 * order: exclude, include, semver, notOlderThan, latest.
 */
export interface TagRules extends NameRules {
  /** Further rules for names: a tag is taken as well if all of one of them agree. */
  readonly or?: readonly NameRules[];
  /** Images that were created longer ago are left. */
  readonly notOlderThanMs?: number;
  /** That many of what the other rules take: the highest versions, or the youngest images. */
  readonly latest?: number;
  readonly latestBy?: 'semver' | 'created';
}

/** Why a tag is taken or left, in the words of the configuration. */
export interface TagVerdict {
  readonly take: boolean;
  readonly rule: string;
}

/** What a rule that looks at an image's age needs to know of a tag. */
export interface DatedTag {
  readonly tag: string;
  /** When the image was made; undefined when it does not say. */
  readonly created: Date | undefined;
}

/** The rules, compiled. */
export interface TagSelection {
  /** The tags themselves, when each is named: then nothing needs to be listed. */
  readonly names: readonly string[] | undefined;
  /** Whether the rules look at when images were created: then `byAge` has the last word. */
  readonly needsAge: boolean;
  /** By the name alone. */
  judge(tag: string): TagVerdict;
  /** The highest versions of those that `judge` takes; all when there is no such rule. */
  byVersion(tags: readonly string[]): Map<string, TagVerdict>;
  /** By age, of those that the other rules take. */
  byAge(tags: readonly DatedTag[], now: Date): Map<string, TagVerdict>;
}

/** @throws Fault CONFIGURATION_INVALID for a pattern or range that can't be used */
export function compileTagRules(rules: TagRules): TagSelection {
  const sets = [rules, ...(rules.or ?? [])];
  const [first, ...others] = sets.map((set, index) =>
    compileNameRules(set, index === 0 ? 'tags' : `tags.or[${index - 1}]`),
  ) as [NameJudge, ...NameJudge[]];
  const { latest, latestBy = 'semver', notOlderThanMs } = rules;
  const isPlain = sets.every(
    ({ include }) => include?.every((pattern) => !isGlob(pattern) && !isRegex(pattern)) === true,
  );
  const keepFirst = (sorted: readonly string[], count: number): Map<string, TagVerdict> =>
    new Map(
      sorted.map((tag, index) => [tag, { take: index < count, rule: `tags.latest ${count} by ${latestBy}` }]),
    );

  return {
    names: isPlain ? [...new Set(sets.flatMap(({ include = [] }) => include))] : undefined,
    needsAge: notOlderThanMs !== undefined || (latest !== undefined && latestBy === 'created'),
    judge(tag) {
      let verdict = first(tag);
      for (const judge of others) {
        if (verdict.take) break;
        const other = judge(tag);
        if (other.take) verdict = other;
      }
      if (verdict.take && latest !== undefined && latestBy === 'semver' && versionOf(tag) === undefined)
        return { take: false, rule: 'tags.latest by semver: names no version' };
      return verdict;
    },
    byVersion(tags) {
      if (latest === undefined || latestBy !== 'semver') return new Map();
      return keepFirst(tags.toSorted(newestVersionFirst), latest);
    },
    byAge(tags, now) {
      const verdicts = new Map<string, TagVerdict>();
      const young = tags.filter(({ tag, created }) => {
        if (notOlderThanMs === undefined) return true;
        const take = created !== undefined && now.getTime() - created.getTime() <= notOlderThanMs;
        if (!take)
          verdicts.set(tag, {
            take,
            rule: `tags.notOlderThan: ${created?.toISOString() ?? 'does not say when it was made'}`,
          });
        return take;
      });
      if (latest === undefined || latestBy !== 'created') return verdicts;
      const sorted = young.toSorted(youngestFirst).map(({ tag }) => tag);
      for (const [tag, verdict] of keepFirst(sorted, latest)) verdicts.set(tag, verdict);
      return verdicts;
    },
  };
}

type NameJudge = (tag: string) => TagVerdict;

/** @param key where the rules stand, for the verdicts */
function compileNameRules(rules: NameRules, key: string): NameJudge {
  const include = rules.include?.map(toPattern);
  const exclude = (rules.exclude ?? []).map(toPattern);
  const range = rules.semver === undefined ? undefined : toRange(rules.semver, rules.prereleases);
  return (tag) => {
    const against = exclude.find(({ matches }) => matches(tag));
    if (against !== undefined) return { take: false, rule: `${key}.exclude ${against.shown}` };
    const by = include?.find(({ matches }) => matches(tag));
    if (include !== undefined && by === undefined) return { take: false, rule: `no ${key}.include matches` };
    if (range !== undefined) {
      const version = versionOf(tag);
      if (version === undefined) return { take: false, rule: `${key}.semver: names no version` };
      return { take: range.test(version), rule: `${key}.semver ${rules.semver}` };
    }
    return { take: true, rule: by === undefined ? `no ${key}.include` : `${key}.include ${by.shown}` };
  };
}

function toPattern(pattern: string): { shown: string; matches: Matcher } {
  return { shown: pattern, matches: patternMatcher(pattern) };
}

function toRange(text: string, includePrerelease = false): Range {
  try {
    return new Range(text, { includePrerelease });
  } catch (cause) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${quote(text)} is not a range of versions: write for instance ">=1.2 <2"`,
      {},
      { cause },
    );
  }
}

/** Equal versions (`2.4` and `2.4.0`) by name, so that the choice is the same each time. */
function newestVersionFirst(a: string, b: string): number {
  const [first, second] = [versionOf(a), versionOf(b)];
  const order = first === undefined || second === undefined ? 0 : compare(second, first);
  return order === 0 ? (a < b ? -1 : 1) : order;
}

function youngestFirst(a: DatedTag, b: DatedTag): number {
  const order = (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0);
  return order === 0 ? (a.tag < b.tag ? -1 : 1) : order;
}
