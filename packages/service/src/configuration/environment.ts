import { type ConfigurationDocument, readConfigurationDocument } from './document.ts';
import { nearestName } from './nearest-name.ts';
import type { KeyPath, Place } from './problems.ts';
import { isRecord, mapForm, type SchemaShape } from './schema-shape.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A key that an environment variable sets. */
export interface EnvironmentSetting {
  readonly variable: string;
  readonly path: KeyPath;
  readonly value: unknown;
  /** The text of a list or map, with its places; absent for a single value. */
  readonly document?: ConfigurationDocument;
}

const PREFIX = 'GANTRY_';

/** Variables that are no keys of the configuration. */
const OTHER_VARIABLES: readonly string[] = [
  'GANTRY_CONFIG',
  'GANTRY_SERVER',
  'GANTRY_TOKEN',
  'GANTRY_LOG_LEVEL',
];

/** The variable of a key: `crane.adminListen` is `GANTRY_CRANE_ADMIN_LISTEN`. */
export function variableOf(path: KeyPath): string {
  return `${PREFIX}${path.map((part) => String(part).replaceAll(/[A-Z]/g, '_$&').toUpperCase()).join('_')}`;
}

/** Every variable that sets a key, with the key's path and shape; lists are set as a whole. */
export function variablesOf(
  shape: SchemaShape,
  path: KeyPath = [],
): Map<string, { path: KeyPath; shape: SchemaShape }> {
  const variables = new Map<string, { path: KeyPath; shape: SchemaShape }>();
  for (const [name, inner] of Object.entries(shape.properties ?? {})) {
    const innerPath = [...path, name];
    variables.set(variableOf(innerPath), { path: innerPath, shape: inner });
    for (const [variable, key] of variablesOf(inner, innerPath)) variables.set(variable, key);
  }
  return variables;
}

/**
 * What the environment sets, whole maps before keys in them. A variable that is empty is as good as absent; an unknown
 * one is warned of.
 */
export function readEnvironment(
  env: Environment,
  shape: SchemaShape,
): { settings: EnvironmentSetting[]; warnings: string[] } {
  const variables = variablesOf(shape);
  const settings: EnvironmentSetting[] = [];
  const warnings: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith(PREFIX) || text === undefined || text === '') continue;
    const key = variables.get(variable);
    if (key !== undefined)
      settings.push({ variable, path: key.path, ...readSetting(variable, text, key.shape) });
    else if (!OTHER_VARIABLES.includes(variable) && !variable.startsWith('GANTRY_TEST_')) {
      const names = [...variables.keys(), ...OTHER_VARIABLES].map(withoutPrefix);
      const meant = nearestName(withoutPrefix(variable), names);
      warnings.push(
        `the environment variable ${variable} sets nothing${meant === undefined ? '' : `; did you mean ${PREFIX}${meant}?`}`,
      );
    }
  }
  settings.sort((a, b) => a.path.length - b.path.length);
  return { settings, warnings };
}

/** What tells variables apart: all begin alike. */
function withoutPrefix(variable: string): string {
  return variable.slice(PREFIX.length);
}

function readSetting(
  variable: string,
  text: string,
  shape: SchemaShape,
): Pick<EnvironmentSetting, 'value' | 'document'> {
  if (shape.type === 'array' || mapForm(shape)?.type === 'object') {
    const document = readConfigurationDocument(text, variable);
    return { value: document.value, document };
  }
  if (shape.type === 'string') return { value: text };
  if (text === 'true' || text === 'false') return { value: text === 'true' };
  return { value: /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text };
}

/**
 * The value of the file with what the environment sets in place. An engine that the environment names (such as
 * `storage.filesystem`) takes the place of the file's other one; so does a secret that of the file which names its file,
 * and the other way round.
 * @param engines the names of the engines of a section
 */
export function overlay(
  value: Readonly<Record<string, unknown>>,
  settings: readonly EnvironmentSetting[],
  engines: Readonly<Record<string, readonly string[]>>,
): Record<string, unknown> {
  let result = { ...value };
  for (const { path } of settings) {
    const [section, engine] = path;
    const others = engines[String(section)] ?? [];
    const held = result[String(section)];
    if (!others.includes(String(engine)) || !isRecord(held)) continue;
    const fromFile = (name: string) =>
      !settings.some((one) => one.path[0] === section && one.path[1] === name);
    const kept = Object.entries(held).filter(
      ([name]) => !others.includes(name) || name === engine || !fromFile(name),
    );
    result = { ...result, [String(section)]: Object.fromEntries(kept) };
  }
  for (const { path, value: inner } of settings) {
    const other = otherFormOf(path);
    const isSetToo = settings.some((one) => one.path.join('.') === other.join('.'));
    result = withKey(isSetToo ? result : withoutKey(result, other), path, inner);
  }
  return result;
}

/** Of a secret the key that names its file, and of that one the other. */
function otherFormOf(path: KeyPath): KeyPath {
  const last = String(path.at(-1));
  return [...path.slice(0, -1), last.endsWith('File') ? last.slice(0, -'File'.length) : `${last}File`];
}

/** A copy without one key. */
function withoutKey(map: Record<string, unknown>, path: KeyPath): Record<string, unknown> {
  const [first = '', ...rest] = path;
  if (!Object.hasOwn(map, first)) return map;
  const { [first]: held, ...others } = map;
  if (rest.length === 0) return others;
  return isRecord(held) ? { ...map, [first]: withoutKey(held, rest) } : map;
}

/** A copy with one key set. Where the way leads through something that is no map, it stays as wrong as it is. */
function withKey(map: Record<string, unknown>, path: KeyPath, value: unknown): Record<string, unknown> {
  const [first, ...rest] = path;
  if (first === undefined) return map;
  const held = Object.hasOwn(map, first) ? map[first] : undefined;
  if (rest.length === 0) return { ...map, [first]: value };
  if (held !== undefined && !isRecord(held)) return map;
  return { ...map, [first]: withKey(held ?? {}, rest, value) };
}

/** Where a key comes from, if the environment sets it or what holds it. */
export function locateInEnvironment(
  settings: readonly EnvironmentSetting[],
  path: KeyPath,
  atKey: boolean,
): Place | undefined {
  const holder = settings.findLast((one) => one.path.every((part, index) => part === path[index]));
  if (holder === undefined) return undefined;
  return holder.document?.locate(path.slice(holder.path.length), atKey) ?? { name: holder.variable };
}

/** The first variable that sets something within a map which itself stands nowhere. */
export function locateWithin(settings: readonly EnvironmentSetting[], path: KeyPath): Place | undefined {
  if (path.length === 0) return undefined;
  const inner = settings.find((one) => path.every((part, index) => part === one.path[index]));
  return inner && { name: inner.variable };
}
