import type { Profiler } from 'node:inspector';
import { notRun } from './not-run.ts';

const SOURCE = `export function sign(value: number): string {
  return value < 0 ? 'below' : 'above';
}

function never() {
  return 1;
}
`;
const at = (text: string) => SOURCE.indexOf(text);

/** As V8 reports a process that ran the module, and `sign` for numbers of one kind. */
function report(branch: string, times: number): Profiler.ScriptCoverage {
  const range = (text: string, length: number, count: number) => ({
    startOffset: at(text),
    endOffset: at(text) + length,
    count,
  });
  return {
    scriptId: '1',
    url: 'file:///sign.ts',
    functions: [
      {
        functionName: '',
        isBlockCoverage: true,
        ranges: [{ startOffset: 0, endOffset: SOURCE.length, count: 1 }],
      },
      {
        functionName: 'sign',
        isBlockCoverage: true,
        ranges: [
          range('function sign', at('}\n') + 1 - at('function sign'), times),
          range(branch, branch.length, 0),
        ],
      },
      { functionName: 'never', isBlockCoverage: false, ranges: [range('function never', 33, 0)] },
    ],
  };
}

test('functions and branches that no process ran are named with their lines', () => {
  const never = { line: 5, text: 'function never() { return 1; }' };
  expect(notRun(SOURCE, [report(": 'above'", 2)])).toEqual([{ line: 2, text: ": 'above'" }, never]);
  expect(notRun(SOURCE, [report("? 'below'", 2), report(": 'above'", 1)])).toEqual([never]);
});

test('a file that nobody loaded was not run at all', () => {
  expect(notRun(SOURCE, [])).toMatchObject([
    { line: 1, text: expect.stringContaining('export function') as string },
  ]);
});

test('a rest of brackets is nothing', () => {
  const [module, sign] = report(": 'above'", 1).functions as [
    Profiler.FunctionCoverage,
    Profiler.FunctionCoverage,
  ];
  const rest = { startOffset: at('\n}\n'), endOffset: at('\n}\n') + 2, count: 0 };
  const functions = [module, { ...sign, ranges: [sign.ranges[0] as Profiler.CoverageRange, rest] }];
  expect(notRun(SOURCE, [{ scriptId: '1', url: '', functions }])).toEqual([]);
});
