import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { saysAbsent } from './absence.ts';

/** A folder as it was found. */
export interface ListedFolder {
  /** Of its file system. */
  readonly device: bigint;
  /** Whether it is on another file system than the folder that it stands in: mounted there, or linked. */
  readonly isMount: boolean;
  /** Whether there is a redirect file in it or below it. */
  readonly isFilled: boolean;
}

/** What a directory holds, with all folders below it. */
export interface Listing {
  /** Paths of all `*.json`, sorted. */
  readonly files: readonly string[];
  /** The directory itself and all folders below it. */
  readonly folders: ReadonlyMap<string, ListedFolder>;
  /** Folders that could not be read, and links that may lead to one; what is below them is not known. */
  readonly unread: readonly string[];
}

/**
 * Lists the redirect files of a directory. Symbolic links are followed, each folder once.
 * @throws what the system says when the directory itself can't be read
 */
export async function listFiles(directory: string): Promise<Listing> {
  const listing: Collected = { files: [], folders: new Map(), unread: [] };
  await listFolder(directory, listing, new Set());
  listing.files.sort();
  return listing;
}

interface Collected {
  readonly files: string[];
  readonly folders: Map<string, ListedFolder>;
  readonly unread: string[];
}

/** @param parent the device of the folder that it stands in; absent: it is the directory itself */
async function listFolder(
  folder: string,
  listing: Collected,
  seen: Set<string>,
  parent?: bigint,
): Promise<void> {
  const { dev, ino } = await stat(folder, { bigint: true });
  if (seen.has(`${dev}:${ino}`)) return;
  seen.add(`${dev}:${ino}`);
  const entries = await readdir(folder, { withFileTypes: true });
  const filesBefore = listing.files.length;
  const listed = { device: dev, isMount: parent !== undefined && dev !== parent };
  listing.folders.set(folder, { ...listed, isFilled: false });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const place = path.join(folder, entry.name);
    const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : await kindOf(place);
    if (kind === 'unknown') listing.unread.push(place);
    if (kind === 'folder')
      await listFolder(place, listing, seen, dev).catch(() => void listing.unread.push(place));
    else if (isRedirectFile(entry.name)) listing.files.push(place);
  }
  if (listing.files.length > filesBefore) listing.folders.set(folder, { ...listed, isFilled: true });
}

/** Whether a file's name says that it is to be read. */
export function isRedirectFile(name: string): boolean {
  return name.endsWith('.json');
}

/** What a link leads to; what is not there counts as a file. */
async function kindOf(place: string): Promise<'file' | 'folder' | 'unknown'> {
  return stat(place).then(
    (found) => (found.isDirectory() ? 'folder' : 'file'),
    (error: unknown) => (saysAbsent(error) ? 'file' : 'unknown'),
  );
}
