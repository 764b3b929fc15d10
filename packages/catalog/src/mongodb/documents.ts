import { Fault } from '@gantry/oci';

/** What every document of a noun has: the record as JSON. Beside it stands what queries need. */
export interface Row {
  /** The record's key, as a text. */
  readonly _id: string;
  /**
   * JSON, and not BSON: names in labels, annotations and parameters are anybody's, and `$`, dots, NUL or `__proto__` in
   * them mean something to one server or another.
   */
  readonly document: string;
}

/** The record in a row. It is trusted: nothing but the catalog writes there. */
export function recordIn(row: Pick<Row, 'document'>): unknown {
  return JSON.parse(row.document);
}

/** A key of several parts as one text: the `_id` of what they name. @throws Fault REQUEST_INVALID */
export function keyOf(...parts: readonly (string | number)[]): string {
  return JSON.stringify(parts.map((part) => (typeof part === 'number' ? mustBeNumber(part) : text(part))));
}

/**
 * A text that came from outside, for a filter. The types say so already; this holds it at run time too, as an object in
 * a filter would be read as operators. @throws Fault REQUEST_INVALID
 */
export function text(value: string): string {
  if (typeof value === 'string') return value;
  throw new Fault(
    'REQUEST_INVALID',
    `a name in the catalog is a text, and not of the type ${typeof value as string}`,
  );
}

/** The condition that a field is this text, and never more than that. @throws Fault REQUEST_INVALID */
export function is(value: string): { readonly $eq: string } {
  return { $eq: text(value) };
}

/** As {@link text}, for a whole number. @throws Fault REQUEST_INVALID */
export function mustBeNumber(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new Fault('REQUEST_INVALID', `a number in the catalog is whole, and not ${String(value)}`);
}

/**
 * A text whose order is that of its UTF-8 bytes on every server, as some compare UTF-16: one character a byte, so ASCII
 * stays as it is.
 */
export function sortable(value: string): string {
  return Buffer.from(text(value)).toString('latin1');
}

/** The text that `sortable` was given. */
export function fromSortable(value: string): string {
  return Buffer.from(value, 'latin1').toString();
}

/** A field of this name in rows that are listed newest first: it sorts by time, then by the number given to each row. */
export function placeOf(time: string, sequence: number): string {
  return `${text(time)} ${String(sequence).padStart(16, '0')}`;
}

/** The parts of a list that are asked for at once. */
export function* inParts<T>(all: Iterable<T>, size: number): Generator<T[]> {
  let some: T[] = [];
  for (const one of all) {
    some.push(one);
    if (some.length < size) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}
