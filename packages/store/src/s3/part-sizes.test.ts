import { partSizeFor } from './uploads.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

test('parts are small as long as a thousand of them do, which is what Swift takes', () => {
  expect([0, 1, 4 * GIB, 5000 * MIB].map(partSizeFor)).toEqual(Array(4).fill(5 * MIB));
  for (const size of [5 * GIB, 20 * GIB, 60 * GIB]) {
    const part = partSizeFor(size);
    expect(Math.ceil(size / part)).toBeLessThanOrEqual(1000);
    expect(part).toBeLessThanOrEqual(64 * MIB);
  }
});

test('memory bounds them further on, up to the ten thousand parts that S3 takes', () => {
  expect([100 * GIB, 600 * GIB].map(partSizeFor)).toEqual([64 * MIB, 64 * MIB]);
  const size = 5 * 1024 * GIB;
  expect(Math.ceil(size / partSizeFor(size))).toBeLessThanOrEqual(10_000);
  expect(() => partSizeFor(size + 1)).toThrow(expect.objectContaining({ code: 'SIZE_INVALID' }));
});
