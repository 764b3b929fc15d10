import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { saysAbsent } from './absence.ts';

/** What a directory holds, with all folders below it. */
export interface Listing {
  /** Paths of all `*.json`, sorted. */
  readonly files: readonly string[];
  /** The directory itself and all folders below it. */
  readonly folders: readonly string[];
  /** Folders that could not be read, and links that may lead to one; what is below them is not known. */
  readonly unread: readonly string[];
}

/**
 * Lists the redirect files of a directory. Symbolic links are followed, each folder once.
 * @throws what the system says when the directory itself can't be read
 */
export async function listFiles(directory: string): Promise<Listing> {
  const listing = { files: [] as string[], folders: [] as string[], unread: [] as string[] };
  await listFolder(directory, listing, new Set());
  listing.files.sort();
  return listing;
}

async function listFolder(
  folder: string,
  listing: { files: string[]; folders: string[]; unread: string[] },
  seen: Set<string>,
): Promise<void> {
  const { dev, ino } = await stat(folder, { bigint: true });
  if (seen.has(`${dev}:${ino}`)) return;
  seen.add(`${dev}:${ino}`);
  const entries = await readdir(folder, { withFileTypes: true });
  listing.folders.push(folder);
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const place = path.join(folder, entry.name);
    const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : await kindOf(place);
    if (kind === 'unknown') listing.unread.push(place);
    if (kind === 'folder')
      await listFolder(place, listing, seen).catch(() => void listing.unread.push(place));
    else if (isRedirectFile(entry.name)) listing.files.push(place);
  }
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
