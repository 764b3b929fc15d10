import type { ListedFolder, Listing } from './list-files.ts';

/** Remembers the folders below a directory, so that a file system that goes away does not look like files that were deleted. */
export interface FolderMemory {
  /**
   * Compares a listing with what was there before.
   * @returns the folders, in order and none below another, that are suddenly empty or gone and were on a file system of their
   * own, or are on another than before; a plain folder may be emptied and removed
   */
  lostSince(listing: Listing): readonly string[];
}

export function createFolderMemory(): FolderMemory {
  /** Folders as they were when there were files in or below them. */
  const filled = new Map<string, ListedFolder>();
  return {
    lostSince({ folders, unread }) {
      const lost: string[] = [];
      for (const [folder, before] of [...filled].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        const now = folders.get(folder);
        if (now?.isFilled === true || isIn(folder, unread) || isIn(folder, lost)) continue;
        if (before.isMount || (now !== undefined && now.device !== before.device)) lost.push(folder);
        else filled.delete(folder);
      }
      for (const [folder, now] of folders) if (now.isFilled) filled.set(folder, now);
      return lost;
    },
  };
}

/** Whether a place is one of these folders, or lies below one. */
export function isIn(place: string, folders: readonly string[]): boolean {
  return folders.some((folder) => place === folder || place.startsWith(`${folder}/`));
}
