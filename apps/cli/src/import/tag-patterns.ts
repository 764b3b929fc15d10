import { compilePattern } from '@gantry/oci/glob';
import { tagPatternProblem } from '@gantry/service';
import type { ImportedTagRules } from './imported.ts';

/** A pattern of Go's `regexp` as Gantry writes it. */
export type TagPattern = { readonly pattern: string } | { readonly problem: string };

/**
 * A regular expression that regclient anchors by putting `^` before and `$` behind it. Those belong to the first and the last
 * of its alternatives alone: `a|b` takes what begins with a, and what ends with b.
 */
export function anchoredPattern(regex: string): TagPattern {
  const parts = alternatives(regex);
  if (parts.length === 1) return patternOf(regex);
  const last = parts.length - 1;
  return patternOf(
    parts.map((part, at) => `${at === 0 ? '' : '.*'}(?:${part})${at === last ? '' : '.*'}`).join('|'),
  );
}

/** A regular expression that has to be found anywhere in the text. */
export function foundPattern(regex: string): TagPattern {
  const parts = alternatives(regex);
  if (parts.length > 1) return patternOf(`.*(?:${regex}).*`);
  const from = regex.startsWith('^');
  const to = regex.endsWith('$') && !regex.endsWith('\\$');
  const core = regex.slice(from ? 1 : 0, to ? -1 : undefined);
  return patternOf(`${from ? '' : '.*'}${core}${to ? '' : '.*'}`);
}

/** A tag of cosign's, which is a tag as any other to the tools that are read here, and a referrer to Gantry. */
const SIGNATURE_TAG = `sha256-${'0123456789abcdef'.repeat(4)}.sig`;

/** Whether rules take tags such as `sha256-….sig`, which come as referrers or not at all. */
export function takesSignatureTags({ include, exclude = [], semver }: ImportedTagRules): boolean {
  return semver === undefined && (include?.some(isOfSignatures) ?? true) && !exclude.some(isOfSignatures);
}

function isOfSignatures(pattern: string): boolean {
  return pattern.startsWith('/') && compilePattern(`^(?:${pattern.slice(1, -1)})$`).test(SIGNATURE_TAG);
}

/** Whether it says no more than its own text. */
function literal(regex: string): string | undefined {
  const text = regex.replaceAll(/\\([.\-_])/g, '$1');
  const isPlain = /^[\w.-]+$/.test(text) && !regex.replaceAll(/\\./g, '').includes('.');
  return isPlain ? text : undefined;
}

function patternOf(regex: string): TagPattern {
  const name = literal(regex);
  if (name !== undefined) return { pattern: name };
  const pattern = `/${regex}/`;
  const problem = tagPatternProblem(pattern);
  return problem === undefined ? { pattern } : { problem };
}

/** The alternatives of a regular expression that stand in no parentheses. */
function alternatives(regex: string): string[] {
  const parts = [''];
  let depth = 0;
  let inClass = false;
  for (let at = 0; at < regex.length; at++) {
    const character = regex[at] as string;
    const whole = character === '\\' ? regex.slice(at, at + 2) : character;
    if (whole.length === 1) {
      if (inClass) inClass = character !== ']';
      else if (character === '[') inClass = true;
      else if (character === '(') depth++;
      else if (character === ')') depth--;
    } else at++;
    if (character === '|' && depth === 0 && !inClass) parts.push('');
    else parts[parts.length - 1] += whole;
  }
  return parts;
}
