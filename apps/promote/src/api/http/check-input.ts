import { Fault, quote } from '@gantry/oci';
import type { z } from 'zod';

/** Where a part of the input stands. */
export type Place = 'body' | 'query' | 'path';

const ISSUES_SHOWN = 3;
const NAMES_SHOWN = 5;

/** The value as the schema gives it. @throws Fault REQUEST_INVALID, naming what is wrong, where it stands and what would be right */
export function checkInput<T>(schema: z.ZodType<T>, value: unknown, place: Place): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const shown = result.error.issues
    .slice(0, ISSUES_SHOWN)
    .map((issue) => describe(issue, schema, place, value));
  const more = result.error.issues.length - shown.length;
  throw new Fault(
    'REQUEST_INVALID',
    `${PLACES[place]}: ${shown.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    { at: pathOf(result.error.issues[0]?.path ?? []) || place },
  );
}

/** How the library begins a message of its own on a length. */
const OWN_MESSAGE = /^Too (small|big): /;
const UNITS: Readonly<Record<string, string>> = {
  string: ' characters',
  array: ' entries',
  record: ' members',
  object: ' members',
};

const PLACES: Readonly<Record<Place, string>> = {
  body: 'the body is wrong',
  query: 'the query is wrong',
  path: 'the path is wrong',
};

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, place: Place, value: unknown): string {
  const at = pathOf(issue.path);
  if (issue.code === 'invalid_union') {
    const [nearest] = nearestOf(issue.errors);
    if (nearest !== undefined)
      return describe({ ...nearest, path: [...issue.path, ...nearest.path] }, schema, place, value);
  }
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.slice(0, NAMES_SHOWN).map((key) => quote(pathOf([...issue.path, key])));
    const known = issue.path.length === 0 ? knownNames(schema) : '';
    const kind = place === 'body' ? 'a member' : 'a parameter';
    return `${names.join(', ')} is not ${kind} that is known${known}`;
  }
  const subject = at === '' ? (place === 'body' ? 'it' : place) : at;
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined'))
    return at === '' ? 'there is none' : `${subject} is missing`;
  if (place === 'query' && issue.code === 'invalid_type' && issue.message.endsWith('received array'))
    return `${subject} stands more than once`;
  return `${subject} ${wrongValue(issue, valueAt(value, issue.path)) ?? wording(issue.message)}`;
}

/** What is wrong with a value that is none of a few, or too short or long; undefined: the message says it. */
function wrongValue(issue: z.core.$ZodIssue, value: unknown): string | undefined {
  if (issue.code === 'invalid_value' && typeof value === 'string')
    return `is ${quote(value)}, and must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.join(', ')}`;
  if ((issue.code !== 'too_small' && issue.code !== 'too_big') || !OWN_MESSAGE.test(issue.message))
    return undefined;
  const unit = UNITS[issue.origin] ?? '';
  if (issue.code === 'too_big')
    return `must ${unit === '' ? 'be' : 'have'} ${issue.maximum}${unit} at the most`;
  if (unit !== '' && issue.minimum === 1) return 'is empty';
  return `must ${unit === '' ? 'be' : 'have'} ${issue.minimum}${unit} at the least`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = Reflect.get(at, key);
  }
  return at;
}

/** What is wrong with a value by the one of several forms that it comes nearest to. */
function nearestOf(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const sorted = forms.toSorted((a, b) => a.length - b.length);
  return sorted.find((issues) => issues.every(isWithin)) ?? sorted[0] ?? [];
}

/** Whether something in the value is wrong, and not what it is as a whole. */
function isWithin({ code, path }: z.core.$ZodIssue): boolean {
  return code !== 'invalid_type' || path.length > 0;
}

/** A message of ours follows the name it speaks of; the library's own do after a colon. */
function wording(message: string): string {
  return /^(is|must|holds|has) /.test(message)
    ? message
    : `is not right: ${message.replace(/^Invalid input: /, '')}`;
}

function knownNames(schema: z.ZodType): string {
  const shape = 'shape' in schema ? Object.keys(schema.shape as object) : [];
  return shape.length === 0 ? '' : `: there are ${shape.join(', ')}`;
}

/** `items[0].reference` */
function pathOf(path: readonly PropertyKey[]): string {
  return path
    .map((key, index) =>
      typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${String(key).slice(0, 200)}`,
    )
    .join('');
}
