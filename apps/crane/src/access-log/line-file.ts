import { close, open, write } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { within } from '../within.ts';

/** Takes lines now and writes them later: who writes waits for no disk. Disposing of it writes what is left. */
export interface LineFile extends AsyncDisposable {
  /** @param line of ASCII characters, without its line break */
  write(line: string): void;
  /** Opens the name anew, as the file that had it may have been moved away. */
  reopen(): void;
}

export interface LineFileOptions {
  /** Told of lines that are lost. */
  readonly onDrop: (lines: number) => void;
  /** Told why the file could not be written or opened; it is tried again. */
  readonly onFailure: (error: unknown) => void;
  /** Memory for lines that wait for the disk; 4 MiB if absent. */
  readonly maxBytes?: number;
}

const MAX_BYTES = 4 * 1024 * 1024;
const BLOCK_BYTES = 64 * 1024;
/** A line waits no longer than this for others that are written with it. */
const GATHER_MS = 500;
const RETRY_MS = 500;
/** At the end a disk that does not answer is waited for no longer than this. */
const END_LIMIT_MS = 2000;
const STDOUT = 1;
const LINE_BREAK = 0x0a;

const [openFile, closeFile, writeFile] = [promisify(open), promisify(close), promisify(write)];

/** Memory with lines in it, side by side. */
interface Block {
  readonly bytes: Buffer;
  filled: number;
}

/**
 * Opens a file to append lines to. They are gathered in blocks, which are written one after the other; when the disk does
 * not keep up and all room is taken, further lines are dropped. What could not be written is tried again.
 * @param place a file's path, or `stdout`
 * @throws the system's error for a file that can't be opened
 */
export async function openLineFile(place: string, options: LineFileOptions): Promise<LineFile> {
  const { onDrop, onFailure, maxBytes = MAX_BYTES } = options;
  const maxBlocks = Math.max(1, Math.floor(maxBytes / BLOCK_BYTES));
  const ending = new AbortController();
  /** Blocks to be written; the last one is being filled. */
  const waiting: Block[] = [];
  /** How much of the first one is written. */
  let written = 0;
  let spare: Block | undefined;
  let fd = await openPlace(place);
  let isMoved = false;
  let emptying: Promise<void> | undefined;

  const reopen = async (): Promise<void> => {
    isMoved = false;
    const former = fd;
    try {
      fd = await openPlace(place);
    } catch (error) {
      onFailure(error);
      return;
    }
    await closePlace(former).catch(onFailure);
    // A line whose begin lies in the former file is written whole into this one.
    const first = waiting[0];
    if (first !== undefined && written > 0) written = first.bytes.lastIndexOf(LINE_BREAK, written - 1) + 1;
  };

  /** Writes what the first block holds now. @returns whether it could; if not, the log ends */
  const putFirst = async (): Promise<boolean> => {
    const block = waiting[0] as Block;
    const end = block.filled;
    while (written < end) {
      if (isMoved) await reopen();
      try {
        written += (await writeFile(fd, block.bytes, written, end - written)).bytesWritten;
      } catch (error) {
        onFailure(error);
        if (ending.signal.aborted) return false;
        await pause(RETRY_MS, undefined, { signal: ending.signal }).catch(() => undefined);
      }
    }
    if (written < block.filled) return true;
    waiting.shift();
    [block.filled, written, spare] = [0, 0, block];
    return true;
  };

  const empty = async (alsoLast: boolean): Promise<void> => {
    if (isMoved) await reopen();
    while (waiting.length > 1) if (!(await putFirst())) return;
    if (alsoLast && waiting.length > 0) await putFirst();
  };
  const startEmptying = (alsoLast: boolean) =>
    (emptying ??= empty(alsoLast).finally(() => (emptying = undefined)));
  const timer = setInterval(() => void startEmptying(true), GATHER_MS);

  const end = async (): Promise<void> => {
    await emptying;
    await empty(true);
    await closePlace(fd).catch(onFailure);
  };

  /** The block that a line goes into; undefined when there is no room. */
  const blockFor = (bytes: number): Block | undefined => {
    const last = waiting.at(-1);
    if (last !== undefined && last.filled + bytes <= BLOCK_BYTES) return last;
    if (waiting.length >= maxBlocks || bytes > BLOCK_BYTES) return undefined;
    const next = spare ?? { bytes: Buffer.allocUnsafeSlow(BLOCK_BYTES), filled: 0 };
    spare = undefined;
    if (waiting.push(next) > 1) void startEmptying(false);
    return next;
  };

  return {
    write(line) {
      const block = blockFor(line.length + 1);
      if (block === undefined) {
        onDrop(1);
        return;
      }
      block.filled += block.bytes.write(line, block.filled, 'latin1');
      block.bytes[block.filled++] = LINE_BREAK;
    },
    reopen() {
      isMoved = true;
      void startEmptying(true);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      ending.abort();
      await within(END_LIMIT_MS, end());
    },
  };
}

async function openPlace(place: string): Promise<number> {
  return place === 'stdout' ? STDOUT : await openFile(place, 'a', 0o640);
}

async function closePlace(fd: number): Promise<void> {
  if (fd !== STDOUT) await closeFile(fd);
}
