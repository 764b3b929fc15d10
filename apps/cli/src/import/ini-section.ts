import type { KeyPath } from '@gantry/service';
import type { Remarks } from './imported.ts';
import { interpolate } from './interpolate.ts';
import { Keys } from './read-keys.ts';

/**
 * A section of a file as Python's ConfigParser gives it: what it lacks is taken from `[DEFAULT]`, and `%(name)s` stands for a value of
 * either. A section that is not there has nothing.
 */
export class IniSection extends Keys {
  readonly #defaults: Keys;
  readonly #remarks: Remarks;

  /** @param value the section; undefined: it is not there */
  constructor(value: unknown, name: string, defaults: Keys, remarks: Remarks) {
    super(value, [name]);
    this.#defaults = value === undefined ? new Keys({}, []) : defaults;
    this.#remarks = remarks;
  }

  override at(key: string): KeyPath {
    const isInherited = !this.names.includes(key) && this.#defaults.names.includes(key);
    return isInherited ? this.#defaults.at(key) : super.at(key);
  }

  /** The value, filled in; where it can't be, that is told as wrong. */
  override text(key: string): string | undefined {
    const written = this.#written(key);
    if (written === undefined) return undefined;
    const [section] = this.path;
    const read = interpolate(written, (name) =>
      name === '__name__' ? String(section) : this.#written(name),
    );
    if ('text' in read) return read.text;
    this.#remarks.wrong(this.at(key), `${read.problem}: Crane does not start with it`);
    return undefined;
  }

  /** The value as it stands. */
  #written(key: string): string | undefined {
    return super.text(key) ?? this.#defaults.text(key);
  }
}
