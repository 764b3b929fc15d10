import * as fc from 'fast-check';
import { hexByte, hexWord, NUMBER_BYTES, numberAt, putNumber, putWord, WORD_BYTES, wordAt } from './bytes.ts';

test('hex digits are read as parseInt reads them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (word) => {
      const text = `x${word.toString(16).padStart(8, '0')}`;
      expect(hexWord(text, 1)).toBe(word);
      expect(hexByte(text, 3)).toBe((word >>> 16) & 0xff);
    }),
  );
});

test('words and numbers come out as they went in', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.maxSafeNat(), (word, number) => {
      const bytes = new Uint8Array(1 + WORD_BYTES + NUMBER_BYTES);
      putWord(bytes, 1, word);
      putNumber(bytes, 1 + WORD_BYTES, number);
      expect([wordAt(bytes, 1), numberAt(bytes, 1 + WORD_BYTES)]).toEqual([word, number]);
    }),
  );
});
