// Numbers in bytes, read without a call out of JavaScript: such a call looks at the buffer's bookkeeping, too, which
// costs more than the reading where memory was not touched lately.

/** The byte that two lower-case hex digits of `text` name, from `at` on. No check: digests were parsed before. */
export function hexByte(text: string, at: number): number {
  return (hexDigit(text.charCodeAt(at)) << 4) | hexDigit(text.charCodeAt(at + 1));
}

/** The 32 bits that eight lower-case hex digits of `text` name, from `at` on, as a number from 0 up. */
export function hexWord(text: string, at: number): number {
  const high = (hexByte(text, at) << 8) | hexByte(text, at + 2);
  const low = (hexByte(text, at + 4) << 8) | hexByte(text, at + 6);
  return high * 0x1_0000 + low;
}

/** `0` to `9` are 0x30 and on, `a` to `f` are 0x61 and on. */
function hexDigit(code: number): number {
  return (code & 15) + (code >> 6) * 9;
}

export const WORD_BYTES = 4;

/** A number from 0 to 2³² - 1 in four bytes, the highest first. */
export function wordAt(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  return high * 0x1_0000 + low;
}

/** The counterpart of `wordAt`. */
export function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export const NUMBER_BYTES = 8;

/** A whole number from 0 to 2⁵³ - 1 in eight bytes. */
export function numberAt(bytes: Uint8Array, at: number): number {
  return wordAt(bytes, at) * 2 ** 32 + wordAt(bytes, at + WORD_BYTES);
}

/** The counterpart of `numberAt`. */
export function putNumber(bytes: Uint8Array, at: number, value: number): void {
  putWord(bytes, at, Math.floor(value / 2 ** 32));
  putWord(bytes, at + WORD_BYTES, value % 2 ** 32);
}
