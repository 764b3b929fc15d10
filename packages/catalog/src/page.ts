import { Fault, quote } from '@gantry/oci';
import type { Page } from './catalog.ts';

/** What a cursor holds: the sort key of a page's last item. */
type KeyPart = 'string' | 'number';
type Key<Shape extends readonly KeyPart[]> = {
  [Index in keyof Shape]: Shape[Index] extends 'string' ? string : number;
};

/** Writes and reads the cursors of one list. */
export interface Cursors<K> {
  encode(key: K): string;
  /** @throws Fault REQUEST_INVALID for a cursor that no page of this list gave */
  decode(cursor: string): K;
}

/** The longest key holds two names of 255 characters. */
const CURSOR_MAX_LENGTH = 2048;

/**
 * Cursors of the list called `list`, whose sort key has the parts of `shape` (numbers are whole). Opaque to callers:
 * base64url (RFC 4648, section 5, unpadded) of a JSON array, the list's name first, so that one list refuses the cursor
 * of another.
 */
export function cursorsOf<const Shape extends readonly KeyPart[]>(
  list: string,
  shape: Shape,
): Cursors<Key<Shape>> {
  return {
    encode: (key) =>
      Buffer.from(JSON.stringify([list, ...(key as readonly unknown[])])).toString('base64url'),
    decode(cursor) {
      const [name, ...key] = parseArray(cursor);
      const fits =
        name === list &&
        key.length === shape.length &&
        shape.every((part, at) =>
          part === 'string' ? typeof key[at] === 'string' : Number.isSafeInteger(key[at]),
        );
      if (fits) return key as Key<Shape>;
      throw new Fault(
        'REQUEST_INVALID',
        `the cursor ${quote(cursor)} is not one of this list: hand back "next" of the page before, or leave it out to start anew`,
      );
    },
  };
}

/** The JSON array in `cursor`; an empty one if there is none. */
function parseArray(cursor: string): unknown[] {
  if (cursor.length > CURSOR_MAX_LENGTH) return [];
  const bytes = Buffer.from(cursor, 'base64url');
  if (bytes.toString('base64url') !== cursor) return []; // Buffer skips what is not base64url
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** How many rows to ask for: one more than the page holds, which tells whether there is a next page. */
export function rowsFor(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1) return limit + 1;
  throw new Fault('REQUEST_INVALID', `the limit ${limit} is not a whole number from 1 on`, { limit });
}

/** The page made of rows that were asked for with `rowsFor(limit)`. */
export function pageOf<Row, T>(
  rows: readonly Row[],
  limit: number,
  item: (row: Row) => T,
  cursor: (last: Row) => string,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(item),
    next: rows.length > limit && last !== undefined ? cursor(last) : null,
  };
}
