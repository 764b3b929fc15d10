import { RE2JS } from 're2js';
import { Fault } from './faults.ts';
import { quote } from './digest.ts';

/** Whether a name matches. Time is linear in the name, whatever the pattern. */
export type Matcher = (name: string) => boolean;

const GLOB_CHARACTERS = /[*?[\]{}]/;

/** Whether the text is a pattern, and not just a name. */
export function isGlob(text: string): boolean {
  return GLOB_CHARACTERS.test(text);
}

/**
 * A glob over repository names or tags: `*` and `?` within one part of a path, `**` over several (`a/**` takes all below
 * `a`), `[abc]`, `[!abc]`, `{a,b}`.
 * @throws Fault CONFIGURATION_INVALID for one that is not well formed
 */
export function globMatcher(glob: string): Matcher {
  return regexMatcher(globToRegex(glob), glob);
}

/** A regular expression, in RE2's syntax, that must match the whole name. @throws Fault CONFIGURATION_INVALID */
function regexMatcher(source: string, shown: string): Matcher {
  const pattern = compilePattern(`^(?:${source})$`, shown);
  return (name) => pattern.test(name);
}

/** @throws Fault CONFIGURATION_INVALID */
export function compilePattern(source: string, shown: string = source): RE2JS {
  try {
    return RE2JS.compile(source);
  } catch (cause) {
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${quote(shown)} is not a pattern that can be used: ${(cause as Error).message}`,
      { pattern: shown },
      { cause },
    );
  }
}

/** True when any of the matchers does. */
export function anyOf(globs: readonly string[]): Matcher {
  const matchers = globs.map(globMatcher);
  return (name) => matchers.some((matches) => matches(name));
}

function globToRegex(glob: string): string {
  let regex = '';
  let depth = 0;
  for (let at = 0; at < glob.length; at++) {
    const character = glob.charAt(at);
    if (character === '*') {
      if (glob[at + 1] !== '*') regex += '[^/]*';
      else {
        at++;
        // `**/` also stands for nothing, so that `**/web` takes `web`.
        if (glob[at + 1] === '/' && (at === 1 || glob[at - 2] === '/')) {
          at++;
          regex += '(?:.*/)?';
        } else regex += '.*';
      }
    } else if (character === '?') regex += '[^/]';
    else if (character === '[') {
      const end = glob.indexOf(']', at + 2);
      if (end < 0) throw malformed(glob, 'a "[" without its "]"');
      const set = glob.slice(at + 1, end).replaceAll(/[\\^[]/g, String.raw`\$&`);
      regex += set.startsWith('!') ? `[^/${set.slice(1)}]` : `[${set}]`;
      at = end;
    } else if (character === '{') {
      depth++;
      regex += '(?:';
    } else if (character === '}' && depth > 0) {
      depth--;
      regex += ')';
    } else if (character === ',' && depth > 0) regex += '|';
    else regex += RE2JS.quote(character);
  }
  if (depth > 0) throw malformed(glob, 'a "{" without its "}"');
  return regex;
}

function malformed(glob: string, why: string): Fault {
  return new Fault('CONFIGURATION_INVALID', `${quote(glob)} is not a glob: it has ${why}`, { pattern: glob });
}
