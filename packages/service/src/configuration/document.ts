import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { KeyPath, LocatedProblem, Place } from './problems.ts';

/** A YAML (or JSON) text with the places of what it holds. */
export interface ConfigurationDocument {
  /** What the text says; undefined when it is empty or too broken to be read further. */
  readonly value: unknown;
  readonly problems: readonly LocatedProblem[];
  /** Where a value, or its key, stands; where it is absent, what it is missing from. */
  locate(path: KeyPath, atKey?: boolean): Place;
}

// Texts of the parser that repeat what stands in the file, which may be a secret.
const QUIET: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*) without a name',
  BAD_DIRECTIVE: 'not a YAML directive (%)',
  DUPLICATE_KEY: 'the same key stands twice in one map',
  MULTIPLE_DOCS: 'a second document begins here; a configuration is one',
  TAG_RESOLVE_FAILED: 'not a tag (!) that is known; put a value that begins with "!" in quotes',
  UNEXPECTED_TOKEN:
    'not YAML: something stands here that does not belong; put values with special characters in quotes',
};

export interface DocumentOptions {
  /**
   * Whether numbers, true and false are the texts that stand there (`1.10`), and `<<` brings in another map: so Go's YAML has
   * it, which reads by the type that is wanted.
   */
  readonly asInGo?: boolean;
}

/** Reads a text. `name` stands for it in messages: the file as the user knows it, or an environment variable. */
export function readConfigurationDocument(
  text: string,
  name: string,
  { asInGo = false }: DocumentOptions = {},
): ConfigurationDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    prettyErrors: false,
    lineCounter: lines,
    logLevel: 'error',
    merge: asInGo,
  });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { name, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems: LocatedProblem[] = [...document.errors, ...document.warnings].map((error) => ({
    place: placeAt(error.pos[0]),
    text: QUIET[error.code] ?? error.message,
  }));
  let broken = document.errors.some((error) => error.code !== 'DUPLICATE_KEY');
  visit(document, {
    Scalar(_key, scalar) {
      const { value: read, source } = scalar;
      if (asInGo && (typeof read === 'number' || typeof read === 'boolean')) scalar.value = source ?? read;
    },
    Alias(_key, alias) {
      if (alias.resolve(document) !== undefined) return;
      broken = true;
      problems.push({
        place: placeAt(alias.range?.[0] ?? 0),
        text: 'an alias (*) of nothing above it; put a value that begins with "*" in quotes',
      });
    },
  });
  let value: unknown;
  try {
    if (!broken) value = document.toJS();
  } catch {
    problems.push({
      place: { name, line: 1, column: 1 },
      text: 'aliases (*) within aliases: too many to be followed',
    });
  }

  function locate(path: KeyPath, atKey = false): Place {
    let node: unknown = document.contents;
    let offset = offsetOf(node) ?? 0;
    for (const [index, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document);
      const pair = isMap(node)
        ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part))
        : undefined;
      const next: unknown = isSeq(node) && typeof part === 'number' ? node.items[part] : pair?.value;
      if (isPair(pair) && atKey && index === path.length - 1) return placeAt(offsetOf(pair.key) ?? offset);
      const at = offsetOf(next);
      if (at === undefined) break;
      offset = at;
      node = next;
    }
    return placeAt(offset);
  }
  return { value: value ?? undefined, problems, locate };
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
