import type { Output } from '../cli.ts';
import { printable } from './text.ts';

/** How far a piece of work has come. */
export interface ProgressReport {
  /** Each change of it is worth a line: `running`. */
  readonly state: string;
  readonly text: string;
  /** From 0 to 1; absent: nobody knows how much there is. */
  readonly share?: number;
}

/** Shows progress on standard error: one line that changes on a terminal, now and then a new line elsewhere. */
export interface ProgressDisplay extends Disposable {
  show(report: ProgressReport): void;
}

const BAR_CELLS = 20;
const LINE_EVERY_MS = 10_000;

/** @param env a terminal that is `dumb` can not go back to the start of a line */
export function createProgressDisplay(
  stderr: Output,
  env: Readonly<Record<string, string | undefined>>,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  return stderr.isTTY === true && env['TERM'] !== 'dumb' ? oneLine(stderr) : manyLines(stderr, now);
}

function oneLine(stderr: Output): ProgressDisplay {
  let shown = 0;
  return {
    show({ text, share }) {
      const line = `${bar(share, shown++)} ${printable(text)}`;
      stderr.write(`\r\u001b[2K${line.slice(0, (stderr.columns ?? 80) - 1)}`);
    },
    [Symbol.dispose]() {
      if (shown > 0) stderr.write('\r\u001b[2K');
    },
  };
}

function manyLines(stderr: Output, now: () => number): ProgressDisplay {
  let last: { state: string; text: string; at: number } | undefined;
  return {
    show({ state, text }) {
      const at = now();
      const isDue =
        last === undefined || last.state !== state || (at - last.at >= LINE_EVERY_MS && last.text !== text);
      if (!isDue) return;
      stderr.write(`${printable(text)}\n`);
      last = { state, text, at };
    },
    [Symbol.dispose]() {},
  };
}

/** A bar; when nobody knows how much there is, something that moves in it. */
function bar(share: number | undefined, step: number): string {
  if (share !== undefined) {
    const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS);
    return `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}]`;
  }
  const at = step % BAR_CELLS;
  return `[${'-'.repeat(at)}#${'-'.repeat(BAR_CELLS - at - 1)}]`;
}
