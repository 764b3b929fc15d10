import { isRepositoryName } from '@gantry/oci';
import { validRange } from 'semver';

const GLOB = /[*?[\]{}]/;
const REPOSITORY_GLOB = /^[a-z0-9._\-/*?[\]{},!^]{1,255}$/;
const TAG_GLOB = /^[a-zA-Z0-9._\-*?[\]{},!^]{1,255}$/;

/** What is wrong with a repository glob or plain name; undefined: nothing. */
export function repositoryGlobProblem(text: string): string | undefined {
  if (!GLOB.test(text)) {
    return isRepositoryName(text)
      ? undefined
      : 'is not a repository name, and no glob such as "candidate/**"';
  }
  if (!REPOSITORY_GLOB.test(text)) {
    return 'is not a glob over repository names: those have lower-case letters, digits and ". _ - /", a glob also "* ** ? [abc] {a,b}"';
  }
  if (text.startsWith('/') || text.endsWith('/') || text.includes('//')) {
    return 'is not a glob over repository names: none begins or ends with "/" or has two in a row';
  }
  return unbalanced(text);
}

/** What is wrong with a glob over tags; undefined: nothing. */
function tagGlobProblem(text: string): string | undefined {
  if (!TAG_GLOB.test(text)) {
    return 'is not a glob over tags: those have letters, digits and ". _ -", a glob also "* ? [abc] {a,b}"';
  }
  return unbalanced(text);
}

/** What is wrong with a tag's name, glob, or regular expression between slashes; undefined: nothing. */
export function tagPatternProblem(text: string): string | undefined {
  const isRegex = text.length > 2 && text.startsWith('/') && text.endsWith('/');
  return isRegex ? regexProblem(text.slice(1, -1)) : tagGlobProblem(text);
}

/** What is wrong with a pattern for any text: itself, a glob, or a regular expression between slashes; undefined: nothing. */
export function textPatternProblem(text: string): string | undefined {
  if (text === '') return 'is empty: write * for any text without a slash, ** for any';
  const isRegex = text.length > 2 && text.startsWith('/') && text.endsWith('/');
  return isRegex ? regexProblem(text.slice(1, -1)) : unbalanced(text);
}

/** What is wrong with a range of versions; undefined: nothing. */
export function rangeProblem(text: string): string | undefined {
  return validRange(text) === null
    ? 'is not a range of versions: write for instance ">=1.2 <2" or "^1.4"'
    : undefined;
}

/** What is wrong with a platform's name; undefined: nothing. */
export function platformProblem(text: string): string | undefined {
  const isPlatform = /^[a-z0-9._-]+\/[a-z0-9._-]+(?:\/[a-z0-9._-]+)?$/i.test(text);
  return isPlatform ? undefined : 'is not a platform: write for instance linux/amd64 or linux/arm/v7';
}

/**
 * What is wrong with a regular expression; undefined: nothing. Patterns run by RE2, in linear time, so what RE2 has not
 * is named here already.
 */
export function regexProblem(text: string): string | undefined {
  try {
    void new RegExp(text, 'u');
  } catch (error) {
    const [, why = 'it can not be read'] = /: ([^:]+)$/.exec((error as Error).message) ?? [];
    return `is not a regular expression: ${why}`;
  }
  if (/\(\?(?:<?[=!])/.test(text))
    return 'looks ahead or behind, which is not supported: patterns are those of RE2';
  if (/\\(?:[1-9]|k<)/.test(text))
    return 'refers back to a group, which is not supported: patterns are those of RE2';
  return undefined;
}

function unbalanced(text: string): string | undefined {
  let braces = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '[') {
      at = text.indexOf(']', at + 2);
      if (at < 0) return 'is not a glob: it has a "[" without its "]"';
    } else if (character === ']') return 'is not a glob: it has a "]" without its "["';
    else if (character === '{') braces++;
    else if (character === '}' && --braces < 0) return 'is not a glob: it has a "}" without its "{"';
  }
  return braces === 0 ? undefined : 'is not a glob: it has a "{" without its "}"';
}
