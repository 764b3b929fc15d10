import * as fc from 'fast-check';
import { hexByte, hexWord } from './hex.ts';

test('bytes and words are read as parseInt reads them', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (word) => {
      const text = `x${word.toString(16).padStart(8, '0')}`;
      expect(hexWord(text, 1)).toBe(word);
      expect(hexByte(text, 3)).toBe((word >>> 16) & 0xff);
    }),
  );
});
