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
