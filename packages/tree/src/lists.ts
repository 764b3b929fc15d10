import { Fault, quote, splitDigest } from '@gantry/oci';
import type { ListLine } from './documents.ts';
import { parsePath } from './paths.ts';

/** One list: what `serial` changed in the pool; or with `full` the whole pool of that serial. */
export interface PoolList {
  readonly serial: number;
  readonly full?: boolean;
  readonly lines: Iterable<ListLine>;
}

/** An object in the pool. */
export interface PoolEntry {
  readonly size: number;
  /** Of the bytes, in hex. */
  readonly sha256: string;
  /** The first serial of its unbroken run in the pool; a full list knows just that it was there by then. */
  readonly since: number;
}

/** A list's bytes: sorted by path, for equal paths as given. */
export function formatList(lines: Iterable<ListLine>): Uint8Array {
  const sorted = [...lines].toSorted((a, b) => (a.path < b.path ? -1 : Number(a.path > b.path)));
  return Buffer.from(sorted.map(formatLine).join(''));
}

const PIECE_CHARACTERS = 1024 * 1024;

/** As {@link formatList}, for lines that come sorted by path and are too many for one text: in pieces. */
export async function* formatSorted(
  lines: Iterable<ListLine> | AsyncIterable<ListLine>,
): AsyncGenerator<Uint8Array> {
  let text = '';
  for await (const line of lines) {
    text += formatLine(line);
    if (text.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(text);
    text = '';
  }
  if (text !== '') yield Buffer.from(text);
}

function formatLine(line: ListLine): string {
  return line.op === '+' ? `+ ${line.size} ${line.sha256} ${line.path}\n` : `- ${line.path}\n`;
}

/**
 * The lines of a list.
 * @param where what the bytes are, for messages
 * @throws Fault TREE_INVALID at the first line that is not as the format says, naming its number
 */
export function parseList(bytes: Uint8Array, where: string, options: { full?: boolean } = {}): ListLine[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = listReader(where, options);
  const lines: ListLine[] = [];
  let start = 0;
  for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
    lines.push(read(text.toString('utf8', start, end)));
    start = end + 1;
  }
  if (start < text.length) throw cutShort(where, lines.length + 1);
  return lines;
}

/** As {@link parseList}, for a list that comes in pieces and need not fit into memory. @throws Fault TREE_INVALID */
export async function* readList(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
  options: { full?: boolean } = {},
): AsyncGenerator<ListLine> {
  const read = listReader(where, options);
  let count = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const text = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
      count++;
      yield read(text.toString('utf8', start, end));
      start = end + 1;
    }
    rest = text.subarray(start);
    if (rest.length > MAX_LINE_BYTES)
      throw invalidLine(where, count + 1, 'it is longer than any line can be');
  }
  if (rest.length > 0) throw cutShort(where, count + 1);
}

/** Changes the pool by one line of the list of `serial`. */
export function applyLine(pool: Map<string, PoolEntry>, serial: number, line: ListLine): void {
  if (line.op === '-') {
    pool.delete(line.path);
    return;
  }
  const since = pool.get(line.path)?.since ?? serial;
  pool.set(line.path, { size: line.size, sha256: line.sha256, since });
}

/** The pool after the lists, in their order; a full list among them starts anew. */
export function replay(lists: Iterable<PoolList>): Map<string, PoolEntry> {
  let pool = new Map<string, PoolEntry>();
  for (const { serial, full, lines } of lists) {
    if (full === true) pool = new Map();
    for (const line of lines) applyLine(pool, serial, line);
  }
  return pool;
}

const MAX_LINE_BYTES = 1024;
const LINE = /^(?:\+ (0|[1-9][0-9]{0,15}) ([0-9a-f]{64})|-) ([^ ]+)$/;

/** Reads line after line of one list, and holds each to the format and the order. */
function listReader(where: string, { full = false }: { full?: boolean }): (text: string) => ListLine {
  let number = 0;
  let former = '';
  return (text) => {
    number++;
    const match = LINE.exec(text);
    const path = match?.[3] ?? '';
    const [size, sha256] = [match?.[1], match?.[2]];
    const why = faultOf(text, match !== null, path, sha256);
    if (why !== undefined) throw invalidLine(where, number, why);
    if (path < former)
      throw invalidLine(where, number, `${quote(path)} is out of order: lines are sorted by path`);
    former = path;
    if (size !== undefined && sha256 !== undefined) return { op: '+', size: Number(size), sha256, path };
    if (full) throw invalidLine(where, number, 'a full list takes nothing away');
    return { op: '-', path };
  };
}

function faultOf(
  text: string,
  matches: boolean,
  path: string,
  sha256: string | undefined,
): string | undefined {
  if (!matches) return `${quote(text)} is neither "+ <size> <sha256> <path>" nor "- <path>"`;
  const parsed = parsePath(path);
  if (parsed === undefined || !('digest' in parsed)) return `${quote(path)} is no path of the pool`;
  const { algorithm, hex } = splitDigest(parsed.digest);
  if (sha256 !== undefined && algorithm === 'sha256' && hex !== sha256) {
    return `${quote(path)} is listed with the sha256 ${sha256}, which its name contradicts`;
  }
  return undefined;
}

function cutShort(where: string, number: number): Fault {
  return invalidLine(where, number, 'it does not end in a newline, so the list is cut short');
}

function invalidLine(where: string, number: number, why: string): Fault {
  return new Fault('TREE_INVALID', `line ${number} of ${where} is not as it should be: ${why}`, {
    list: where,
    line: number,
  });
}
