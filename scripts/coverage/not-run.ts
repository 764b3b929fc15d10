import type { Profiler } from 'node:inspector';

/** A part of a file that no run came through. */
export interface NotRun {
  /** From 1 up. */
  readonly line: number;
  /** Its text, on one line. */
  readonly text: string;
}

/** Brackets and commas alone do nothing: V8 has such a rest end where a block ends. */
const NOTHING = /^[\s{}()[\];,]*$/;

/**
 * What of a file's code no process ran: statements, functions, and branches of conditions, as V8 tells them apart
 * ("block coverage").
 * @param source the file's text; Node leaves what it strips of types as blanks, so V8's offsets are the file's
 * @param reports what each process, or each part of its life, says of the file
 */
export function notRun(source: string, reports: readonly Profiler.ScriptCoverage[]): NotRun[] {
  const ran = new Uint8Array(source.length);
  for (const report of reports)
    for (const [at, count] of countsOf(source, report).entries()) ran[at] ||= count;
  const found: NotRun[] = [];
  for (let start = 0; start < source.length; start++) {
    if (ran[start] === 1) continue;
    let end = start;
    while (end < source.length && ran[end] === 0) end++;
    const text = source.slice(start, end);
    if (!NOTHING.test(text)) {
      const line = source.slice(0, start + text.search(/\S/)).split('\n').length;
      found.push({ line, text: text.trim().replaceAll(/\s+/g, ' ') });
    }
    start = end;
  }
  return found;
}

/** 1 for each character that was run: of the ranges around it, the innermost one counts. */
function countsOf(source: string, { functions }: Profiler.ScriptCoverage): Uint8Array {
  const ran = new Uint8Array(source.length);
  const ranges = functions.flatMap((one) => one.ranges);
  for (const range of ranges.toSorted((a, b) => sizeOf(b) - sizeOf(a)))
    ran.fill(range.count > 0 ? 1 : 0, range.startOffset, range.endOffset);
  return ran;
}

function sizeOf({ startOffset, endOffset }: Profiler.CoverageRange): number {
  return endOffset - startOffset;
}
