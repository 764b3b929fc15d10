import { Fault, isRepositoryName, quote, subjectOfCompanionTag } from '@gantry/oci';
import type { Registry } from '@gantry/registry';
import { anyOf, compile, isGlob, type Matcher } from './pattern.ts';

/** What to take from a source, as `sources[]` in the configuration. */
export interface SourceRules {
  readonly name: string;
  /** Globs over the registry's catalogue, or plain names. */
  readonly repositories: readonly string[];
  /** `from` (RE2 syntax) is replaced once by `to` to give the published name. */
  readonly rename?: { readonly from: string; readonly to: string };
  readonly tags?: { readonly include?: readonly string[]; readonly exclude?: readonly string[] };
  /** Whether what refers to an image comes with it. */
  readonly referrers: boolean;
}

/** An upstream registry and what to take from it. */
export interface Source {
  readonly name: string;
  readonly registry: Registry;
  readonly referrers: boolean;
  /** Names that need no catalogue. */
  readonly plainNames: readonly string[];
  /** Whether the catalogue has to be read, and what is taken from it. */
  readonly globs: readonly string[];
  readonly matchesRepository: Matcher;
  /** The published name. @throws Fault NAME_INVALID when what the rename gives is none */
  publishedName(sourceRepository: string): string;
  /** Why a tag is taken or left. Companion tags are neither: they go with their subject. */
  judgeTag(tag: string): TagVerdict;
}

export type TagVerdict =
  | { readonly verdict: 'take'; readonly rule: string }
  | { readonly verdict: 'leave'; readonly rule: string }
  | { readonly verdict: 'companion' };

/** Compiles the rules. @throws Fault CONFIGURATION_INVALID for a pattern that can't be used */
export function createSource(rules: SourceRules, registry: Registry): Source {
  const globs = rules.repositories.filter(isGlob);
  const rename =
    rules.rename === undefined ? undefined : { pattern: compile(rules.rename.from), to: rules.rename.to };
  const include = rules.tags?.include?.map((glob) => ({ glob, matches: anyOf([glob]) }));
  const exclude = (rules.tags?.exclude ?? []).map((glob) => ({ glob, matches: anyOf([glob]) }));
  return {
    name: rules.name,
    registry,
    referrers: rules.referrers,
    plainNames: rules.repositories.filter((name) => !isGlob(name)),
    globs,
    matchesRepository: anyOf(globs),
    publishedName(sourceRepository) {
      const name =
        rename === undefined
          ? sourceRepository
          : rename.pattern.matcher(sourceRepository).replaceFirst(rename.to);
      if (isRepositoryName(name)) return name;
      throw new Fault(
        'NAME_INVALID',
        `source ${rules.name}: rename turns ${sourceRepository} into ${quote(name)}, which is no repository name`,
        { source: rules.name, repository: sourceRepository },
      );
    },
    judgeTag(tag) {
      if (subjectOfCompanionTag(tag) !== undefined) return { verdict: 'companion' };
      const against = exclude.find(({ matches }) => matches(tag));
      if (against !== undefined) return { verdict: 'leave', rule: `tags.exclude ${against.glob}` };
      if (include === undefined) return { verdict: 'take', rule: 'no tags.include' };
      const by = include.find(({ matches }) => matches(tag));
      return by === undefined
        ? { verdict: 'leave', rule: 'no tags.include matches' }
        : { verdict: 'take', rule: `tags.include ${by.glob}` };
    },
  };
}
