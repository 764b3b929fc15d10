import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** What a directory holds, with all folders below it. */
export interface Listing {
  /** Paths of all `*.json`, sorted. */
  readonly files: readonly string[];
  /** The directory itself and all folders below it. */
  readonly folders: readonly string[];
  /** Folders that could not be read; what is below them is not known. */
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
    if (entry.isDirectory() || (!entry.isFile() && (await isFolder(place)))) {
      await listFolder(place, listing, seen).catch(() => void listing.unread.push(place));
    } else if (isRedirectFile(entry.name)) listing.files.push(place);
  }
}

/** Whether a file's name says that it is to be read. */
export function isRedirectFile(name: string): boolean {
  return name.endsWith('.json');
}

async function isFolder(place: string): Promise<boolean> {
  return stat(place).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
