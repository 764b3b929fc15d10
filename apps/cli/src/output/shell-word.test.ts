import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { shellWord } from './shell-word.ts';

describe('a word of a command that people copy', () => {
  test('is as it was where nothing in it means anything to a shell', () => {
    expect(shellWord('CVE-2026-1234')).toBe('CVE-2026-1234');
    expect(shellWord('more vulnerabilities')).toBe("'more vulnerabilities'");
  });

  test.each(['$(touch${IFS}x)', '`id`', '$HOME', "a'b", '"', '', '\\', 'a;b', '*', '~', '!1', '#x', '>x'])(
    '%j runs nothing',
    (text) => {
      expect(echo(shellWord(text))).toBe(text);
    },
  );

  test('is read as it was, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme-ascii', minLength: 1 }), { maxLength: 20 }),
        (texts) => {
          const words = texts.map(shellWord).join(' ');
          expect(echo(words)).toBe(texts.join('\0'));
        },
      ),
      { numRuns: 20 },
    );
  });
});

/** The words as a shell reads them, with NULs between. */
function echo(words: string): string {
  const said = execFileSync('/bin/sh', ['-c', `printf '%s\\0' ${words}`], { encoding: 'utf8' });
  return said.slice(0, -1);
}
