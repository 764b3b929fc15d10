import { Fault } from '@gantry/oci';

/** The way to a value: names of keys and places in lists. */
export type KeyPath = readonly (string | number)[];

/** Something wrong, by the path of the key. */
export interface Problem {
  readonly path: KeyPath;
  /** A sentence without its subject, which is the key and its value: `is not a duration: …`. */
  readonly message: string;
  /** The value; absent: there is none, or it is not to be shown. */
  readonly value?: unknown;
  /** Whether the key itself is wrong, and not its value. */
  readonly atKey?: boolean;
}

/** Where something stands. Lines and columns count from 1. */
export interface Place {
  /** A file or an environment variable. */
  readonly name: string;
  readonly line?: number;
  readonly column?: number;
}

/** A line of the message, with the place it speaks of. */
export interface LocatedProblem {
  readonly place: Place;
  readonly text: string;
}

/** One fault for all that is wrong: a line a problem, in the order of the places. */
export function configurationFault(problems: readonly LocatedProblem[]): Fault {
  const lines = problemLines(problems);
  return new Fault('CONFIGURATION_INVALID', lines.join('\n'), { problems: lines.length });
}

/** A line for each problem, each once, in the order of the places. */
export function problemLines(problems: readonly LocatedProblem[]): string[] {
  const sorted = problems.toSorted(
    (a, b) => (a.place.line ?? 0) - (b.place.line ?? 0) || (a.place.column ?? 0) - (b.place.column ?? 0),
  );
  return [...new Set(sorted.map(({ place, text }) => `${formatPlace(place)}: ${text}`))];
}

/** The text of a problem: key, value, and what would be right. */
export function problemText({ path, message, value }: Problem): string {
  const subject = value === undefined ? '' : `${showValue(path, value)} `;
  return `${path.length === 0 ? '' : `${formatPath(path)}: `}${subject}${message}`;
}

/** `sources[0].tags.include` */
export function formatPath(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (!/^[\w-]{1,100}$/.test(part)) text += `[${JSON.stringify(part.slice(0, 100))}]`;
    else text += text === '' ? part : `.${part}`;
  }
  return text;
}

/** `gantry.yaml:12:5`, or the name of an environment variable. */
export function formatPlace({ name, line, column }: Place): string {
  return line === undefined ? name : `${name}:${line}:${column ?? 1}`;
}

// Whoever mistypes a key below these may have put the secret itself in its place.
const SECRET_KEYS: ReadonlySet<string | number> = new Set([
  'credentials',
  'password',
  'bindPassword',
  'token',
  'tokens',
  'secretAccessKey',
  'signing',
  'trustedKeys',
]);
/** Engines whose `url` holds a password as a rule. */
const ENGINES_BY_URL: ReadonlySet<string | number> = new Set(['mongodb', 'amqp']);

/** Lists beside a secret that hold none. */
const LISTS_SHOWN: ReadonlySet<string | number> = new Set(['scopes', 'groups']);

function showValue(path: KeyPath, value: unknown): string {
  if (path.at(-1) === 'url' && ENGINES_BY_URL.has(path.at(-2) ?? '')) return 'the value';
  if (
    path.some((part) => SECRET_KEYS.has(part)) &&
    path.at(-1) !== 'name' &&
    !LISTS_SHOWN.has(path.at(-2) ?? '')
  ) {
    return 'the value';
  }
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a map';
  if (typeof value !== 'string') return String(value);
  const shown = value.replaceAll(/[^\s/"]+:[^\s/"]*@/g, '***@'); // a password in an address
  return JSON.stringify(shown.length > 100 ? `${shown.slice(0, 100)}…` : shown);
}
