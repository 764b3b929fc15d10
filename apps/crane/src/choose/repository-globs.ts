import path from 'node:path';
import { LRUCache } from 'lru-cache';

const NAMES_KEPT = 10_000;

/**
 * Whether a name matches one of the globs: `*` and `?` within one part of a path, `**` over several, `[abc]`, `{a,b}`.
 * @returns undefined where all names do
 */
export function carriedRepositories(
  globs: readonly string[] = ['**'],
): ((name: string) => boolean) | undefined {
  if (globs.includes('**')) return undefined;
  const answers = new LRUCache<string, boolean>({ max: NAMES_KEPT });
  return (name) => {
    let answer = answers.get(name);
    if (answer === undefined) {
      answer = globs.some((glob) => path.posix.matchesGlob(name, glob));
      answers.set(name, answer);
    }
    return answer;
  };
}
