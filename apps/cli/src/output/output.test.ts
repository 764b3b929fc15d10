import * as fc from 'fast-check';
import { createProgressDisplay } from './progress.ts';
import { formatTable } from './table.ts';
import { formatBytes, formatTime, plural, printable } from './text.ts';

describe('text from elsewhere', () => {
  test('can not move the cursor, change colours, break lines or turn the writing round', () => {
    expect(printable('a\u001b[31mb\nc\r\u009bd\u2028e\u202ef')).toBe(
      String.raw`a\u001b[31mb\u000ac\u000d\u009bd\u2028e\u202ef`,
    );
    expect(printable('naïve – 漢字 🚢')).toBe('naïve – 漢字 🚢');
  });

  test('holds no control character whatever it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // eslint-disable-next-line no-control-regex
        expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      }),
    );
  });
});

describe('figures', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_949, '999.9 kB'],
    [999_999, '1.0 MB'],
    [52_428_800, '52.4 MB'],
    [1.5e18, '1500.0 PB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('one is one, and times are to the second', () => {
    expect([plural(0, 'tag'), plural(1, 'tag'), plural(2, 'tag')]).toEqual(['0 tags', '1 tag', '2 tags']);
    expect(formatTime('2026-11-21T09:00:00.123Z')).toBe('2026-11-21 09:00:00Z');
  });
});

describe('tables', () => {
  test('columns are as wide as their widest cell, numbers stand at the right', () => {
    const rows = [
      { name: 'a', size: 5 },
      { name: 'a-long\nname', size: 12_345 },
    ];
    const table = formatTable(rows, [
      { heading: 'NAME', cell: ({ name }) => name },
      { heading: 'SIZE', cell: ({ size }) => size, align: 'right' },
      { heading: 'X', cell: () => '' },
    ]);
    expect(table).toBe(
      ['NAME               SIZE  X', 'a                     5', String.raw`a-long\u000aname  12345`, ''].join(
        '\n',
      ),
    );
  });
});

/** Takes so many rows away. */
const wipe = (rows: number) => `\r\u001b[2K${'\u001b[1A\u001b[2K'.repeat(rows - 1)}`;

describe('progress', () => {
  const written: string[] = [];
  const write = (text: string) => written.push(text);
  beforeEach(() => (written.length = 0));

  test('on a terminal one line changes, cut to its width, and is taken away at the end', () => {
    const display = createProgressDisplay({ write, isTTY: true, columns: 34 }, {});
    display.show({ state: 'a', text: 'half of it is done', share: 0.5 });
    display.show({ state: 'a', text: 'unknown' });
    display[Symbol.dispose]();
    expect(written).toEqual([
      '\r\u001b[2K[##########----------] half of it',
      '\r\u001b[2K[-#------------------] unknown',
      '\r\u001b[2K',
    ]);
  });

  test('on a terminal each piece of work has its line, and what is counted its speed', () => {
    let now = 0;
    const display = createProgressDisplay({ write, isTTY: true, columns: 80 }, {}, () => now);
    display.show({ key: 'a', state: 'running', text: 'a', bytes: 1_000_000 });
    display.show({ key: 'b', state: 'running', text: 'b', share: 1 });
    now = 2000;
    display.show({ key: 'a', state: 'running', text: 'a', bytes: 5_000_000 });
    display[Symbol.dispose]();
    const full = `[${'#'.repeat(20)}] b`;
    expect(written).toEqual([
      '\r\u001b[2K[#-------------------] a',
      `\r\u001b[2K[#-------------------] a\n${full}`,
      `\r\u001b[2K\u001b[1A\u001b[2K[-#------------------] a, 2.0 MB/s\n${full}`,
      '\r\u001b[2K\u001b[1A\u001b[2K',
    ]);
  });

  test('on a terminal what is told of it stands below it, as long as it is so and no more than fits', () => {
    const display = createProgressDisplay({ write, isTTY: true, columns: 40 }, {});
    display.show({ state: 'a', text: 'a', share: 1, details: ['one\n', 'two'] });
    display.show({ state: 'a', text: 'a', share: 1, details: Array.from({ length: 20 }, () => 'x') });
    display[Symbol.dispose]();
    const full = `[${'#'.repeat(20)}] a`;
    const lines = Array.from({ length: 11 }, () => '  x');
    expect(written).toEqual([
      [`\r\u001b[2K${full}`, String.raw`  one\u000a`, '  two'].join('\n'),
      [`${wipe(3)}${full}`, ...lines, '  and 9 more'].join('\n'),
      wipe(13),
    ]);
  });

  test('elsewhere there is a line for each state, and one every ten seconds', () => {
    let now = 0;
    const display = createProgressDisplay({ write }, {}, () => now);
    display.show({ state: 'queued', text: 'queued' });
    display.show({ state: 'queued', text: 'queued' });
    display.show({ state: 'running', text: 'running: 1' });
    display.show({ state: 'running', text: 'running: 2' });
    now = 10_000;
    display.show({ state: 'running', text: 'running: 3' });
    now = 30_000;
    display.show({ state: 'running', text: 'running: 3' });
    display[Symbol.dispose]();
    expect(written).toEqual(['queued\n', 'running: 1\n', 'running: 3\n']);
  });

  test('elsewhere what is told of it is told once', () => {
    const display = createProgressDisplay({ write }, {}, () => 0);
    display.show({ state: 'a', text: 'a', details: ['one'] });
    display.show({ state: 'a', text: 'a', details: ['one', 'two'] });
    display.show({ state: 'b', text: 'b', details: ['one'] });
    expect(written).toEqual(['a\n', '  one\n', '  two\n', 'b\n']);
  });

  test('a dumb terminal gets lines', () => {
    const display = createProgressDisplay({ write, isTTY: true }, { TERM: 'dumb' });
    display.show({ state: 'a', text: 'b' });
    expect(written).toEqual(['b\n']);
  });
});
