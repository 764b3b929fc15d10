import type { z } from 'zod';
import { asMeant, isAtOrBelow, meantKey } from './as-meant.ts';
import { crossProblems } from './checks.ts';
import type { KeyPath, Problem } from './problems.ts';
import { ConfigurationFile } from './schema.ts';
import { isRecord, knownKeys, type SchemaShape } from './schema-shape.ts';

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
};

/**
 * All that is wrong with a value that the schema refused, which `found` this: one problem for each mistake. What a
 * misspelt key leads to is none of its own.
 */
export function problemsIn(
  value: unknown,
  found: readonly z.core.$ZodIssue[],
  shape: SchemaShape,
): Problem[] {
  const issues = ofMaps(found, value);
  const meant = asMeant(value, issues, shape);
  const others =
    meant.renamed.length === 0
      ? issues
      : ofMaps(ConfigurationFile.safeParse(meant.value).error?.issues ?? [], meant.value);
  return [
    ...problemsOf(issues.filter(isUnknownKey), value, shape),
    ...[
      ...problemsOf(
        others.filter((issue) => !isUnknownKey(issue)),
        meant.value,
        shape,
      ),
      ...crossProblems(meant.value),
    ].filter(({ path }) => !isAtOrBelow(path, meant.renamed)),
  ];
}

/** Where a value may have several forms and is a map, what is wrong with it as that form; all else as it is. */
function ofMaps(issues: readonly z.core.$ZodIssue[], value: unknown): readonly z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || !isRecord(valueAt(value, issue.path as KeyPath))) return [issue];
    const ofMap = issue.errors.find((errors) => !errors.some(isNoMap)) ?? [];
    const within = ofMap.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
    return within.length === 0 ? [issue] : within;
  });
}

function isNoMap({ code, path }: z.core.$ZodIssue): boolean {
  return code === 'invalid_type' && path.length === 0;
}

function isUnknownKey({ code }: z.core.$ZodIssue): boolean {
  return code === 'unrecognized_keys';
}

/** What the schema found wrong, in our words: one problem a key. */
function problemsOf(issues: readonly z.core.$ZodIssue[], value: unknown, shape: SchemaShape): Problem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    const held = valueAt(value, path);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(path, key, shape));
    }
    if (issue.code === 'invalid_type')
      return [wrongType(path, held, EXPECTED[issue.expected] ?? issue.expected)];
    if (issue.code === 'invalid_value') {
      return [{ path, value: held, message: `is none of ${issue.values.map(String).join(', ')}` }];
    }
    return [{ path, value: held, message: issue.message }];
  });
}

function unknownKey(path: KeyPath, key: string, shape: SchemaShape): Problem {
  const meant = meantKey(path, key, shape);
  const help =
    meant === undefined ? `known here: ${knownKeys(shape, path).join(', ')}` : `did you mean ${meant}?`;
  return { path: [...path, key], atKey: true, message: `unknown key; ${help}` };
}

function wrongType(path: KeyPath, value: unknown, expected: string): Problem {
  if (value === undefined) return { path, message: `is missing: it must be ${expected}` };
  if (value === null) return { path, message: `has no value: it must be ${expected}` };
  const quotes =
    expected === 'text' && typeof value !== 'object' ? ': if it is meant so, put it in quotes' : '';
  return { path, value, message: `must be ${expected}${quotes}` };
}

/** What stands at a path; undefined: nothing. */
function valueAt(value: unknown, path: KeyPath): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}
