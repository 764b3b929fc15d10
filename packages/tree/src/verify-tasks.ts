import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type Digest, Fault } from '@gantry/oci';
import { parsePath } from './paths.ts';
import { type PlainFiles, plainFiles } from './plain-files.ts';
import { type RepositoryReport, verifyRepository } from './verify-repository.ts';

/** A piece of a verification that needs nothing but the files of a directory. */
export type Task =
  | {
      readonly type: 'repositories';
      readonly named: readonly (readonly [name: string, digest: Digest])[];
      readonly deep: boolean;
    }
  | { readonly type: 'list'; readonly folder: string; readonly withSizes: boolean }
  /** Paths of the pool, lines of one text, with the sizes that they should have. */
  | { readonly type: 'hash'; readonly paths: string; readonly sizes: readonly number[] };

export interface Answers {
  /** In the order of the task. */
  readonly repositories: readonly RepositoryReport[];
  readonly list: FolderListing;
  readonly hash: HashAnswer;
}

/** What lies in one folder, sorted by name. */
export interface FolderListing {
  readonly folders: readonly string[];
  readonly names: readonly string[];
  /** Bytes, beside each name; none where they were not asked for. */
  readonly sizes: readonly number[];
  /** Those of the names that are no plain files. */
  readonly irregular: readonly string[];
}

/** Places in the task's list of those that are not right. */
export interface HashAnswer {
  /** Bytes that were read and not told before. */
  readonly bytes: number;
  readonly corrupt: readonly number[];
  readonly absent: readonly number[];
  /** With the size that it has. */
  readonly wrongSize: readonly (readonly [place: number, size: number])[];
  /** With why. */
  readonly unreadable: readonly (readonly [place: number, why: string])[];
}

export interface VerifyTasks {
  /** @param onBytes told of bytes of a large file before all of it is read */
  perform<T extends Task>(task: T, onBytes: (bytes: number) => void): Promise<Answers[T['type']]>;
}

/** All of them read as a thread of its own may: one file after the other, waiting for each. */
export function createVerifyTasks(directory: string): VerifyTasks {
  const files = plainFiles(directory);
  const perform = (task: Task, onBytes: (bytes: number) => void) => {
    if (task.type === 'repositories') return lookAtRepositories(files, task.named, task.deep);
    return Promise.try(() =>
      task.type === 'list'
        ? listFolder(directory, task.folder, task.withSizes)
        : hashAll(files, task.paths.split('\n'), task.sizes, onBytes),
    );
  };
  return { perform: perform as VerifyTasks['perform'] };
}

async function lookAtRepositories(
  files: PlainFiles,
  named: readonly (readonly [string, Digest])[],
  deep: boolean,
): Promise<readonly RepositoryReport[]> {
  const source = { read: (file: string, maxBytes: number) => Promise.try(() => files.read(file, maxBytes)) };
  const reports: RepositoryReport[] = [];
  for (const [name, digest] of named) reports.push(await verifyRepository(source, name, digest, deep));
  return reports;
}

function hashAll(
  files: PlainFiles,
  paths: readonly string[],
  sizes: readonly number[],
  onBytes: (bytes: number) => void,
): HashAnswer {
  let bytes = 0;
  const [corrupt, absent]: [number[], number[]] = [[], []];
  const [wrongSize, unreadable]: [[number, number][], [number, string][]] = [[], []];
  for (const [at, file] of paths.entries()) {
    const parsed = parsePath(file);
    if (parsed === undefined || !('digest' in parsed)) throw new Error(`${file} is not named by its digest`);
    try {
      const hashed = files.hash(file, parsed.digest, sizes[at] ?? 0, onBytes);
      bytes += hashed?.bytes ?? 0;
      if (hashed === undefined) absent.push(at);
      else if (hashed.size !== sizes[at]) wrongSize.push([at, hashed.size]);
      else if (!hashed.matches) corrupt.push(at);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      unreadable.push([at, error.message]);
    }
  }
  return { bytes, corrupt, absent, wrongSize, unreadable };
}

function listFolder(directory: string, folder: string, withSizes: boolean): FolderListing {
  const here = path.join(directory, folder);
  const [folders, names, sizes, irregular]: [string[], string[], number[], string[]] = [[], [], [], []];
  let entries: Dirent[];
  try {
    entries = readdirSync(here, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { folders, names, sizes, irregular };
    throw notReadable(here, error);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    if (entry.isDirectory()) {
      folders.push(entry.name);
      continue;
    }
    if (!entry.isFile()) irregular.push(entry.name);
    if (!withSizes) {
      names.push(entry.name);
      continue;
    }
    const file = `${here}/${entry.name}`;
    try {
      const stats = lstatSync(file, { throwIfNoEntry: false });
      if (stats === undefined) continue; // removed meanwhile
      names.push(entry.name);
      sizes.push(stats.size);
    } catch (error) {
      throw notReadable(file, error);
    }
  }
  return { folders, names, sizes, irregular };
}

function notReadable(file: string, error: unknown): Fault {
  const why = error instanceof Error ? error.message : String(error);
  return new Fault('UNAVAILABLE', `${file} can not be read: ${why}`, { path: file }, { cause: error });
}
