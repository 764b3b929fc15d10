import { type Digest, Fault, isDigest, quote } from '@gantry/oci';
import { TREE_FORMAT } from './documents.ts';

/** The largest document of `pool/index` that is read, in bytes. */
export const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

/** A JSON object as it was read; its own members only are ever looked at. */
export type JsonObject = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws Fault TREE_INVALID, naming the document (`where`) and what is wrong with it */
export function readJson(bytes: Uint8Array, where: string): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw invalidDocument(where, 'it is not JSON in UTF-8', cause);
  }
}

/**
 * The object in a document's bytes, its format checked. Members that are not known are left alone: a later version of
 * the same format may add some.
 * @throws Fault TREE_INVALID
 */
export function readDocument(bytes: Uint8Array, where: string): JsonObject {
  const object = readObject(readJson(bytes, where), where, 'the document');
  const format = Object.hasOwn(object, 'format') ? object['format'] : undefined;
  if (format === TREE_FORMAT) return object;
  if (typeof format === 'number' && format > TREE_FORMAT) {
    throw new Fault(
      'TREE_INVALID',
      `${where} is of format ${format}, and this version of Gantry reads up to ${TREE_FORMAT}: a newer one is needed`,
      { document: where, format },
    );
  }
  throw invalidDocument(where, `"format" is ${JSON.stringify(format) ?? 'absent'}, not ${TREE_FORMAT}`);
}

/** @throws Fault TREE_INVALID when `value` is not a JSON object */
export function readObject(value: unknown, where: string, what: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalidDocument(where, `${what} is not an object`);
}

/**
 * The members of the object `what`, in the order of their names, each checked.
 * @throws Fault TREE_INVALID, naming the member
 */
export function readMap<K extends string, V>(
  value: unknown,
  where: string,
  what: string,
  isKey: (key: string) => key is K,
  read: (value: unknown, key: string) => V | undefined,
): Map<K, V> {
  const object = readObject(value, where, `"${what}"`);
  const map = new Map<K, V>();
  // The language puts integer-like names in front, so the order of the file is made again.
  for (const key of Object.keys(object).toSorted()) {
    const member = isKey(key) ? read(object[key], key) : undefined;
    if (!isKey(key) || member === undefined) {
      throw invalidDocument(where, `${quote(key)} in "${what}" is not as it should be`);
    }
    map.set(key, member);
  }
  return map;
}

/** `value` if it is a digest. */
export function readDigest(value: unknown): Digest | undefined {
  return typeof value === 'string' && isDigest(value) ? value : undefined;
}

/** `value` if it is a whole number from 0 (or `least`) up that is exact. */
export function readCount(value: unknown, least = 0): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least ? value : undefined;
}

/** Two lower-case hex digits: the name of a shard or of a part. */
export function isShardKey(key: string): key is string {
  return /^[0-9a-f]{2}$/.test(key);
}

/** A document that is not as the format says. */
export function invalidDocument(where: string, why: string, cause?: unknown): Fault {
  return new Fault(
    'TREE_INVALID',
    `${where} is not as the tree's format says: ${why}`,
    { document: where },
    { cause },
  );
}
