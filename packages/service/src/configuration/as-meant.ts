import type { z } from 'zod';
import { nearestName } from './nearest-name.ts';
import type { KeyPath } from './problems.ts';
import { isRecord, knownKeys, type SchemaShape } from './schema-shape.ts';

/** A value with those keys renamed that were misspelt. */
export interface Meant {
  readonly value: unknown;
  /** Where the renamed keys stand now. What is wrong there is nowhere in what was written. */
  readonly renamed: readonly KeyPath[];
}

/**
 * What was probably meant: a key that nobody knows takes the known name that it comes near, unless that is there too. So
 * what follows from the misspelling (`url` is missing, where `uri` was written) is not told as a second mistake.
 */
export function asMeant(value: unknown, issues: readonly z.core.$ZodIssue[], shape: SchemaShape): Meant {
  let result = value;
  const renamed: KeyPath[] = [];
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    for (const key of issue.keys) {
      const name = meantKey(path, key, shape);
      if (name === undefined) continue;
      const changed = changedAt(result, path, (map) => withRenamed(map, key, name));
      if (changed === result) continue;
      result = changed;
      renamed.push([...path, name]);
    }
  }
  return { value: result, renamed };
}

/** The key that may stand at `path` and was probably meant by another one. */
export function meantKey(path: readonly PropertyKey[], key: string, shape: SchemaShape): string | undefined {
  return nearestName(key, knownKeys(shape, path));
}

/** Whether a path is one of `others` or lies below one. */
export function isAtOrBelow(path: KeyPath, others: readonly KeyPath[]): boolean {
  return others.some((other) => other.every((part, index) => part === path[index]));
}

type Change = (map: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;

/** The value with the map at `path` changed; the value itself where nothing is. */
function changedAt(value: unknown, [first, ...rest]: KeyPath, change: Change): unknown {
  if (first === undefined) return isRecord(value) ? change(value) : value;
  if (Array.isArray(value)) {
    const inner = changedAt(value[Number(first)], rest, change);
    return inner === value[Number(first)] ? value : value.with(Number(first), inner);
  }
  if (!isRecord(value) || !Object.hasOwn(value, first)) return value;
  const inner = changedAt(value[first], rest, change);
  return inner === value[first] ? value : { ...value, [first]: inner };
}

function withRenamed(
  map: Readonly<Record<string, unknown>>,
  key: string,
  name: string,
): Readonly<Record<string, unknown>> {
  if (Object.hasOwn(map, name)) return map;
  return Object.fromEntries(Object.entries(map).map(([each, inner]) => [each === key ? name : each, inner]));
}
