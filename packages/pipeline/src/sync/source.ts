import { Fault, isRepositoryName, quote } from '@gantry/oci';
import type { Registry } from '@gantry/registry';
import { anyOf, compilePattern, isGlob, type Matcher } from '@gantry/oci/glob';
import { createPlatformFilter, type PlatformFilter } from './platforms.ts';
import { compileTagRules, type TagRules, type TagSelection } from './tag-rules.ts';

/** What to take from a source, as `sources[]` in the configuration. */
export interface SourceRules {
  readonly name: string;
  /** Globs over the registry's catalogue, or plain names. */
  readonly repositories: readonly string[];
  /** `from` (RE2 syntax) is replaced once by `to` to give the published name. */
  readonly rename?: { readonly from: string; readonly to: string };
  readonly tags?: TagRules;
  /** Children of an index that are taken; absent: all. The index keeps its bytes and its digest either way. */
  readonly platforms?: readonly string[];
  /** Whether what refers to an image comes with it. */
  readonly referrers: boolean;
  /** Whether layers that must not be distributed are fetched, too. */
  readonly foreignLayers?: boolean;
}

/** An upstream registry and what to take from it. */
export interface Source {
  readonly name: string;
  readonly registry: Registry;
  readonly referrers: boolean;
  readonly foreignLayers: boolean;
  readonly platforms?: PlatformFilter;
  readonly tags: TagSelection;
  /** Names that need no catalogue. */
  readonly plainNames: readonly string[];
  /** Whether the catalogue has to be read, and what is taken from it. */
  readonly globs: readonly string[];
  readonly matchesRepository: Matcher;
  /** Whether the rules take a repository, whichever way it is named. */
  takes(sourceRepository: string): boolean;
  /** The published name. @throws Fault NAME_INVALID when what the rename gives is none */
  publishedName(sourceRepository: string): string;
}

/** Compiles the rules. @throws Fault CONFIGURATION_INVALID for a pattern that can't be used */
export function createSource(rules: SourceRules, registry: Registry): Source {
  const globs = rules.repositories.filter(isGlob);
  const plainNames = rules.repositories.filter((name) => !isGlob(name));
  const matchesRepository = anyOf(globs);
  const rename =
    rules.rename === undefined
      ? undefined
      : { pattern: compilePattern(rules.rename.from), to: rules.rename.to };
  return {
    name: rules.name,
    registry,
    referrers: rules.referrers,
    foreignLayers: rules.foreignLayers === true,
    ...(rules.platforms === undefined ? {} : { platforms: createPlatformFilter(rules.platforms) }),
    tags: compileTagRules(rules.tags ?? {}),
    plainNames,
    globs,
    matchesRepository,
    takes: (sourceRepository) => plainNames.includes(sourceRepository) || matchesRepository(sourceRepository),
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
  };
}
