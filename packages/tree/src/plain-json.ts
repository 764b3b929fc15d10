/** The entries of a map, in the order of their keys. */
export type SortedEntries<K, V> = readonly (readonly [K, V])[];

/** As a pattern, a digest in its canonical form. */
export const DIGEST_PATTERN = '(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})';
/** Printable ASCII without an escape. */
export const TEXT_PATTERN = '"([ !#-\\[\\]-~]*)"';

/**
 * Reads a document that is written as a publisher writes it: canonical JSON (RFC 8785) of ASCII, piece by piece. JSON.parse, and
 * a Map as well, have V8 enter each name into its table of all strings, which is given back when the whole heap was marked: who
 * reads thousands of documents and keeps none pays several times their size. What is written otherwise may still be right.
 */
export class PlainJson {
  readonly #text: string;
  #at = 0;
  #isPlain = true;

  constructor(bytes: Uint8Array) {
    this.#text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  }

  /** Whether all was as expected, and nothing is left. */
  get isRead(): boolean {
    return this.#isPlain && this.#at === this.#text.length;
  }

  skip(literal: string): void {
    if (!this.#text.startsWith(literal, this.#at)) this.#isPlain = false;
    this.#at += literal.length;
  }

  /** @param pattern a sticky one */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const groups = this.#isPlain ? pattern.exec(this.#text) : null;
    if (groups === null) this.#isPlain = false;
    else this.#at = pattern.lastIndex;
    return groups ?? undefined;
  }

  /** An object of any names. @param read undefined for an entry that is not as it should be */
  entries<K extends string, V>(
    pattern: RegExp,
    read: (groups: RegExpExecArray) => readonly [K, V] | undefined,
  ): SortedEntries<K, V> {
    const list: (readonly [K, V])[] = [];
    this.skip('{');
    for (let last = ''; this.#isPlain && this.#text[this.#at] !== '}';) {
      if (list.length > 0) this.skip(',');
      const groups = this.match(pattern);
      const entry = groups && read(groups);
      if (entry === undefined || entry[0] <= last) this.#isPlain = false;
      else {
        list.push(entry);
        last = entry[0];
      }
    }
    this.skip('}');
    return list;
  }
}
