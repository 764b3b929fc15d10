import { printable, quote } from './digest.ts';
import { Fault } from './faults.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * How many commas and opening brackets a document may have outside its strings. Nothing else is done while one is parsed,
 * and that takes as long as it has values: 32 MiB of nothing but brackets would take seconds.
 */
const SEPARATORS_MAX = 2_000_000;

const [QUOTE, COMMA, BRACKET, BACKSLASH, BRACE] = Buffer.from('",[\\{');

/**
 * Parses JSON as I-JSON asks for it (RFC 7493): UTF-8, no byte order mark, no member named twice. Two readers of a
 * document that names a member twice may see two documents, which a digest does not tell apart.
 * @throws Fault MANIFEST_INVALID, saying what is wrong
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  if (hasTooManyValues(bytes))
    throw new Fault('MANIFEST_INVALID', `it has more than ${SEPARATORS_MAX} values, which are the most`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw new Fault('MANIFEST_INVALID', 'not UTF-8', {}, { cause });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault('MANIFEST_INVALID', `not JSON: ${printable((cause as Error).message)}`, {}, { cause });
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) {
    throw new Fault('MANIFEST_INVALID', `the member ${quote(twice)} stands twice in one object`);
  }
  return value;
}

/** Looked for before anything is made of the bytes; whether they are JSON does not matter. */
function hasTooManyValues(bytes: Uint8Array): boolean {
  if (bytes.length <= SEPARATORS_MAX) return false;
  let count = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isInString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === COMMA || byte === BRACKET || byte === BRACE) count++;
    if (count > SEPARATORS_MAX) return true;
  }
  return false;
}

/** The first member name that one object of `text` holds twice. `text` is known to be valid JSON. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = []; // a set of names for an object, undefined for an array
  let keyExpected = false;
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case '{':
        open.push(new Set());
        keyExpected = true;
        break;
      case '[':
        open.push(undefined);
        keyExpected = false;
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ':':
        keyExpected = false;
        break;
      case ',':
        keyExpected = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(text, at);
        const names = open.at(-1);
        if (keyExpected && names !== undefined) {
          const key = JSON.parse(text.slice(at, end + 1)) as string; // "a" and "\u0061" are one name
          if (names.has(key)) return key;
          names.add(key);
        }
        at = end;
        break;
      }
    }
  }
  return undefined;
}

/** The index of the quote that closes the string which opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
