import { readLimit } from './count.ts';
import { readImage } from './image.ts';
import { readMoment } from './moment.ts';

const now = new Date('2026-11-21T09:00:00.000Z');
const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('words of a command line', () => {
  test.each([
    ['7d', 'on', '2026-11-28T09:00:00.000Z'],
    ['1h30m', 'back', '2026-11-21T07:30:00.000Z'],
    ['2026-12-31', 'on', '2027-01-01T00:00:00.000Z'],
    ['2026-12-31', 'back', '2026-12-31T00:00:00.000Z'],
    ['2026-12-31T12:00Z', 'on', '2026-12-31T12:00:00.000Z'],
    ['2026-12-31T12:00:00.5+01:00', 'on', '2026-12-31T11:00:00.500Z'],
  ] as const)('%s, %s from now, is a time', (text, direction, time) => {
    expect(readMoment(text, '--expires', direction, now)).toBe(time);
  });

  test.each(['', 'tomorrow', '7', '2026-13-01', '2026-12-31T12:00', '999999999w', '1.5d'])(
    '%j is no time',
    (text) => {
      expect(() => readMoment(text, '--expires', 'on', now)).toThrow(
        expect.objectContaining({ code: 'REQUEST_INVALID' }) as Error,
      );
    },
  );

  test('an image is named by tag, by digest, or by its digest alone', () => {
    expect(readImage('a/b:1')).toEqual({ repository: 'a/b', tag: '1' });
    expect(readImage(`a/b@${DIGEST}`)).toEqual({ repository: 'a/b', digest: DIGEST });
    expect(readImage(DIGEST)).toEqual({ digest: DIGEST });
    expect(() => readImage('a/b')).toThrow('names no tag');
    expect(() => readImage('sha256:12')).toThrow('"sha256:12" is not a digest');
  });

  test.each(['0', '-1', '1.5', 'all', '1e3'])('%j is no limit', (text) => {
    expect(() => readLimit(text)).toThrow('is not a whole number from 1 on');
  });
});
