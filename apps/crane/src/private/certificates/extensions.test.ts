import { elementsIn } from './der.ts';
import { extensionsOf } from './extensions.ts';

const element = (tag: number, ...content: readonly (Buffer | readonly number[])[]): Buffer => {
  const bytes = Buffer.concat(content.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
};

/** As much of a certificate as its extensions stand in. */
function certificateWith(value: Buffer): Buffer {
  const extension = element(0x30, element(0x06, [0x2a, 3]), element(0x04, value));
  return element(0x30, element(0x30, element(0xa3, element(0x30, extension))));
}

test.each([
  ['text in a wrapping', element(0x0c, Buffer.from('gold')), 'gold'],
  ['text without one', Buffer.from('gold'), 'gold'],
  ['text that begins as a wrapping does', Buffer.from([0x0c, 0x50, 0x61]), '\f\u0050a'],
  [
    'two texts, which are not taken for one',
    Buffer.from([0x0c, 1, 0x61, 0x0c, 1, 0x62]),
    '\f\u0001a\f\u0001b',
  ],
])('an extension with %s', (_, value, text) => {
  expect(extensionsOf(certificateWith(value)).get('1.2.3')?.toString()).toBe(text);
});

test('what has no extensions has none, and what is no DER is refused', () => {
  expect(extensionsOf(Buffer.alloc(0)).size).toBe(0);
  expect(extensionsOf(element(0x30, element(0x30, element(0xa3)))).size).toBe(0);
  expect(() => elementsIn(Buffer.from([0x30, 0x85, 1, 1, 1, 1, 1]))).toThrow('longer than any');
  expect(() => elementsIn(Buffer.from([0x30, 5, 1]))).toThrow('ends after all bytes');
});
