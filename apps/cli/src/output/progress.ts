import type { Output } from '../cli.ts';
import { formatBytes, printable } from './text.ts';

/** How far a piece of work has come. */
export interface ProgressReport {
  /** Tells pieces of work apart that go on side by side. */
  readonly key?: string;
  /** Each change of it is worth a line: `running`. */
  readonly state: string;
  readonly text: string;
  /** From 0 to 1; absent: nobody knows how much there is. */
  readonly share?: number;
  /** How many have come so far: a terminal shows how fast. */
  readonly bytes?: number;
  /** Lines that stand below it, as long as they are so; elsewhere than on a terminal each is written once. */
  readonly details?: readonly string[];
}

/** Shows progress on standard error: a line for each piece of work that changes on a terminal, now and then a new line elsewhere. */
export interface ProgressDisplay extends Disposable {
  show(report: ProgressReport): void;
}

const BAR_CELLS = 20;
const LINE_EVERY_MS = 10_000;
/** More would not fit a terminal. */
const DETAILS_MAX = 12;

/** @param env a terminal that is `dumb` can not go back to the start of a line */
export function createProgressDisplay(
  stderr: Output,
  env: Readonly<Record<string, string | undefined>>,
  now: () => number = () => performance.now(),
): ProgressDisplay {
  return stderr.isTTY === true && env['TERM'] !== 'dumb' ? liveLines(stderr, now) : manyLines(stderr, now);
}

/** What is known of one line. */
interface LiveLine {
  /** The line, and those below it. */
  rows: readonly string[];
  steps: number;
  /** Since when bytes are counted, and how many there were. */
  from?: { readonly at: number; readonly bytes: number };
}

function liveLines(stderr: Output, now: () => number): ProgressDisplay {
  const lines = new Map<string, LiveLine>();
  let drawn = 0;
  const wipe = () => (drawn === 0 ? '' : `\r\u001b[2K${'\u001b[1A\u001b[2K'.repeat(drawn - 1)}`);
  const fit = (text: string) => text.slice(0, (stderr.columns ?? 80) - 1);
  return {
    show({ key = '', text, share, bytes, details = [] }) {
      const line = lines.getOrInsertComputed(key, () => ({ rows: [], steps: 0 }));
      if (bytes !== undefined) line.from ??= { at: now(), bytes };
      const speed =
        bytes === undefined || line.from === undefined
          ? ''
          : speedOf(bytes - line.from.bytes, now() - line.from.at);
      line.rows = [
        fit(`${bar(share, line.steps++)} ${printable(text)}${speed}`),
        ...shorten(details).map((detail) => fit(`  ${printable(detail)}`)),
      ];
      const rows = [...lines.values()].flatMap((one) => one.rows);
      stderr.write(`${wipe() || '\r\u001b[2K'}${rows.join('\n')}`);
      drawn = rows.length;
    },
    [Symbol.dispose]() {
      stderr.write(wipe());
      drawn = 0;
    },
  };
}

function shorten(details: readonly string[]): readonly string[] {
  if (details.length <= DETAILS_MAX) return details;
  return [...details.slice(0, DETAILS_MAX - 1), `and ${details.length - DETAILS_MAX + 1} more`];
}

/** Over less time it would jump about. */
const SPEED_AFTER_MS = 1000;

function speedOf(bytes: number, ms: number): string {
  return ms < SPEED_AFTER_MS ? '' : `, ${formatBytes(Math.round((bytes / ms) * 1000))}/s`;
}

function manyLines(stderr: Output, now: () => number): ProgressDisplay {
  const last = new Map<string, { state: string; text: string; at: number }>();
  const said = new Set<string>();
  return {
    show({ key = '', state, text, details = [] }) {
      const at = now();
      const former = last.get(key);
      const isDue =
        former === undefined ||
        former.state !== state ||
        (at - former.at >= LINE_EVERY_MS && former.text !== text);
      if (isDue) {
        stderr.write(`${printable(text)}\n`);
        last.set(key, { state, text, at });
      }
      for (const detail of details) {
        const id = JSON.stringify([key, detail]);
        if (!said.has(id)) stderr.write(`  ${printable(detail)}\n`);
        said.add(id);
      }
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
