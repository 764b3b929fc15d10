import { hash } from 'node:crypto';
import { readFile, readFileSync, stat, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { asFault } from '@gantry/oci';
import type { CraneLogger } from '../options.ts';
import { readRedirectFile, type RedirectFile, WrongFile } from './redirect-file.ts';
import type { RepositoryTable } from './repository-table.ts';

/** How files are read: aside, while requests are answered; or at once, which takes half the time. */
const READING = {
  aside: { stat: promisify(stat), read: promisify(readFile) },
  'at once': { stat: statSync, read: readFileSync },
} as const;
export type Reading = keyof typeof READING;

/** How long a file may be away, as when it is replaced in two steps, before what it told of is gone. */
const ABSENCE_MS = 1000;
const MAX_BYTES = 64 * 1024 * 1024;

/** What is known of one file. */
interface KnownFile {
  readonly directory: number;
  /** Device, inode, size and times, which are compared and never put in order: a clock may be wrong. */
  stamp?: string;
  /** Of the bytes that were read last. */
  digest?: string;
  /** What is wrong with it now; its last good state, if there was one, is served on. */
  problem?: string;
  /** Whether a good state of it is in the table. */
  isServed: boolean;
  /** Since when it is not there, by a clock that nobody sets; absent: it is there. */
  missingSince?: number;
  /** Counts readings, so that a slow one does not undo a later one. */
  readings: number;
}

/** Reads redirect files into the table, each again when it changes, and keeps the last good state of each. */
export interface FileReader {
  /**
   * Looks at a file: reads it if it is new or was changed, and in any case with `anyway`.
   * @param directory its place among the configured ones
   * @param reading how; `aside` when absent
   * @returns whether its bytes are others than before
   */
  look(path: string, directory: number, anyway?: boolean, reading?: Reading): Promise<boolean>;
  /** Says that a file is not there. After a second that is believed: one may be taken away just to be put back. */
  miss(path: string): void;
  /** The files that are known of a directory. */
  known(directory: number): IteratorObject<string>;
  /** How many are served as they are, are wrong and left out, and are served as they last were good. */
  tally(): FileTally;
}

export interface FileTally {
  readonly loaded: number;
  readonly refused: number;
  readonly kept: number;
}

export interface FileReaderOptions {
  readonly table: RepositoryTable;
  readonly isName: (text: string) => boolean;
  /** Looks at what was read. @throws WrongFile for what is not to be served */
  readonly check: (file: RedirectFile) => void;
  readonly logger: CraneLogger;
  /** Is told of each reading that failed. */
  readonly onFailure: () => void;
}

export function createFileReader({ table, isName, check, logger, onFailure }: FileReaderOptions): FileReader {
  const files = new Map<string, KnownFile>();

  const setProblem = (path: string, file: KnownFile, problem: string): void => {
    if (file.problem === problem) return;
    file.problem = problem;
    onFailure();
    const end = file.isServed ? 'its last good state is served on' : 'it is left out';
    logger.warn({ file: path, kept: file.isServed }, `the redirect file ${path} ${problem}; ${end}`);
  };

  /** The file's bytes; undefined if they are those that were read last. @throws WrongFile, and what the system says */
  const readAgain = async (
    path: string,
    file: KnownFile,
    anyway: boolean,
    calls: (typeof READING)[Reading],
  ): Promise<Uint8Array | undefined> => {
    const found = await calls.stat(path, { bigint: true });
    const wasMissing = file.missingSince !== undefined;
    delete file.missingSince;
    const stamp = `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
    if (stamp === file.stamp && !anyway && !wasMissing) return undefined;
    // Taken before the bytes are read: what changes in between is seen the next time.
    file.stamp = stamp;
    if (!found.isFile()) throw new WrongFile('is no file');
    if (found.size > MAX_BYTES) throw new WrongFile(`has more than ${MAX_BYTES} bytes`);
    return calls.read(path);
  };

  const take = (path: string, file: KnownFile, bytes: Uint8Array): boolean => {
    const digest = hash('sha256', bytes, 'base64');
    if (digest === file.digest) return false;
    file.digest = digest;
    try {
      const read = readRedirectFile(bytes, isName);
      check(read);
      table.put({ path, directory: file.directory, file: read });
      file.isServed = true;
      delete file.problem;
    } catch (error) {
      if (!(error instanceof WrongFile)) throw error;
      setProblem(path, file, error.message);
    }
    return true;
  };

  const fail = (path: string, file: KnownFile, error: unknown): void => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      if (file.digest === undefined && file.problem === undefined) files.delete(path);
      else file.missingSince ??= performance.now();
      return;
    }
    // It is to be read again, even if it comes back as it was.
    delete file.digest;
    if (!(error instanceof WrongFile)) delete file.stamp;
    const why = error instanceof WrongFile ? error.message : `can not be read: ${asFault(error).message}`;
    setProblem(path, file, why);
  };

  return {
    async look(path, directory, anyway = false, reading = 'aside') {
      const file = files.getOrInsertComputed(path, () => ({ directory, isServed: false, readings: 0 }));
      const turn = ++file.readings;
      const isLate = () => file.readings !== turn || files.get(path) !== file;
      try {
        const bytes = await readAgain(path, file, anyway, READING[reading]);
        return bytes !== undefined && !isLate() && take(path, file, bytes);
      } catch (error) {
        if (!isLate()) fail(path, file, error);
        return false;
      }
    },
    miss(path) {
      const file = files.get(path);
      if (file === undefined) return;
      file.missingSince ??= performance.now();
      if (performance.now() - file.missingSince < ABSENCE_MS) return;
      files.delete(path);
      table.remove(path);
      logger.info({ file: path }, `the redirect file ${path} is gone, and with it what it told of`);
    },
    known: (directory) =>
      files
        .entries()
        .filter(([, file]) => file.directory === directory)
        .map(([path]) => path),
    tally() {
      let [loaded, refused, kept] = [0, 0, 0];
      for (const { isServed, problem, missingSince } of files.values()) {
        if (!isServed) refused++;
        else if (problem !== undefined || missingSince !== undefined) kept++;
        else loaded++;
      }
      return { loaded, refused, kept };
    },
  };
}
