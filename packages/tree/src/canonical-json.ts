import { Fault, quote } from '@gantry/oci';

/**
 * What the documents of a tree are made of. A Map stands for an object whose member names come from users: a tag may be
 * called `10` or `__proto__`.
 */
export type CanonicalValue =
  | string
  | number
  | boolean
  | null
  | readonly CanonicalValue[]
  | ReadonlyMap<string, CanonicalValue>
  | { readonly [member: string]: CanonicalValue };

/**
 * Canonical JSON (RFC 8785): no white space, members in the order of their UTF-16 code units, strings escaped as
 * ECMAScript does. Of numbers just the safe integers.
 * @throws Fault TREE_INVALID for what has no canonical form: a lone surrogate, any other number, undefined
 */
export function canonicalJson(value: CanonicalValue): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value);
    case 'number':
      if (Number.isSafeInteger(value)) return String(value);
      throw new Fault(
        'TREE_INVALID',
        `the number ${value} can not stand in a document: only safe integers can`,
      );
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
      return canonicalObject(value);
    default:
      throw new Fault('TREE_INVALID', `a value of type ${typeof value} can not stand in a document`);
  }
}

/** The bytes of {@link canonicalJson}: UTF-8, no byte order mark, no newline at the end. */
export function canonicalBytes(value: CanonicalValue): Uint8Array {
  return Buffer.from(canonicalJson(value));
}

type CanonicalObject = ReadonlyMap<string, CanonicalValue> | { readonly [member: string]: CanonicalValue };

function canonicalObject(value: CanonicalObject): string {
  const pieces: string[] = [];
  if (value instanceof Map) {
    const map: ReadonlyMap<string, CanonicalValue> = value;
    for (const name of [...map.keys()].toSorted()) pieces.push(member(name, map.get(name)));
  } else {
    const object = value as { readonly [member: string]: CanonicalValue };
    for (const name of Object.keys(object).toSorted()) pieces.push(member(name, object[name]));
  }
  return `{${pieces.join(',')}}`;
}

function member(name: string, value: CanonicalValue | undefined): string {
  return `${canonicalString(name)}:${canonicalJson(value as CanonicalValue)}`;
}

// Most names and digests: printable ASCII without a quote or a backslash.
const PLAIN = /^[ !#-[\]-~]*$/;

function canonicalString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (text.isWellFormed()) return JSON.stringify(text);
  throw new Fault('TREE_INVALID', `${quote(text)} can not stand in a document: it has a lone surrogate`);
}

/** `Array.isArray` as a guard that knows readonly arrays. */
function isArray(value: unknown): value is readonly CanonicalValue[] {
  return Array.isArray(value);
}
