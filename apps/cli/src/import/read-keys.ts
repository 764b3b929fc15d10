import { Fault } from '@gantry/oci';
import { formatPath, type KeyPath } from '@gantry/service';

// As Go's YAML reads what is to be a boolean.
const TRUE = /^(?:true|True|TRUE|y|Y|yes|Yes|YES|on|On|ON)$/;
const FALSE = /^(?:false|False|FALSE|n|N|no|No|NO|off|Off|OFF)$/;

// Nothing, and what Go has where nothing is set.
const NOTHING = /^(?:false|0s?)?$/;

/**
 * A map of a foreign configuration, of which each key that it has must be spoken of. All in it is a map, a list or a text as it
 * stands there.
 */
export class Keys {
  readonly path: KeyPath;
  readonly #map: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  /** @throws Fault REQUEST_INVALID if it is no map */
  constructor(value: unknown, path: KeyPath) {
    if (value !== undefined && value !== null && (typeof value !== 'object' || Array.isArray(value)))
      throw new Fault('REQUEST_INVALID', `${where(path)} must be a map`);
    this.#map = (value ?? {}) as Readonly<Record<string, unknown>>;
    this.path = path;
  }

  get names(): readonly string[] {
    return Object.keys(this.#map);
  }

  at(key: string): KeyPath {
    return [...this.path, key];
  }

  value(key: string): unknown {
    this.#read.add(key);
    return Object.hasOwn(this.#map, key) ? (this.#map[key] ?? undefined) : undefined;
  }

  /** @throws Fault REQUEST_INVALID */
  text(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === 'string') return value;
    throw new Fault('REQUEST_INVALID', `${where(this.at(key))} must be text`);
  }

  /** @throws Fault REQUEST_INVALID */
  flag(key: string): boolean | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && TRUE.test(value)) return true;
    if (typeof value === 'string' && FALSE.test(value)) return false;
    throw new Fault('REQUEST_INVALID', `${where(this.at(key))} must be true or false`);
  }

  /** @throws Fault REQUEST_INVALID */
  list(key: string): readonly unknown[] {
    const value = this.value(key);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    throw new Fault('REQUEST_INVALID', `${where(this.at(key))} must be a list`);
  }

  /** @throws Fault REQUEST_INVALID */
  texts(key: string): readonly string[] {
    return this.list(key).map((value, index) => {
      if (typeof value === 'string') return value;
      throw new Fault('REQUEST_INVALID', `${where([...this.at(key), index])} must be text`);
    });
  }

  /** The entries of a list of maps. @throws Fault REQUEST_INVALID */
  entries(key: string): readonly Keys[] {
    return this.list(key).map((value, index) => new Keys(value, [...this.at(key), index]));
  }

  keys(key: string): Keys {
    return new Keys(this.value(key), this.at(key));
  }

  /** The keys that nobody has asked for. */
  unread(): readonly string[] {
    return this.names.filter((name) => !this.#read.has(name));
  }
}

/** Whether a value is as if it were absent: tools that print a whole configuration write all keys, most of them so. */
export function isNothing(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isNothing);
  return value === undefined || value === null || (typeof value === 'string' && NOTHING.test(value));
}

function where(path: KeyPath): string {
  return path.length === 0 ? 'the file' : formatPath(path);
}
