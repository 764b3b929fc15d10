import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';

/** Tells of changes in folders as far as the system does; what it does not tell of has to be looked for. */
export interface FolderWatch extends Disposable {
  /** Watches just these from now on. One that was removed and made again is another. */
  setFolders(folders: readonly string[]): Promise<void>;
}

/** @param onChange is told the path of what came, went or changed */
export function watchFolders(onChange: (place: string) => void): FolderWatch {
  const watched = new Map<string, { readonly watcher: FSWatcher; readonly inode: bigint }>();
  let isEnded = false;

  const unwatch = (folder: string) => {
    watched.get(folder)?.watcher.close();
    watched.delete(folder);
  };
  const watchOne = async (folder: string): Promise<void> => {
    const inode = await stat(folder, { bigint: true }).then(
      (found) => found.ino,
      () => undefined,
    );
    if (watched.get(folder)?.inode === inode) return;
    unwatch(folder);
    if (inode === undefined || isEnded) return;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, file) => {
        if (file !== null) onChange(path.join(folder, file));
      });
      watcher.on('error', () => unwatch(folder));
      watched.set(folder, { watcher, inode });
    } catch {
      // No more watches to be had: it is looked at from time to time anyway.
    }
  };

  return {
    async setFolders(folders) {
      const wanted = new Set(folders);
      for (const folder of watched.keys()) if (!wanted.has(folder)) unwatch(folder);
      for (const folder of folders) await watchOne(folder);
    },
    [Symbol.dispose]() {
      isEnded = true;
      for (const folder of watched.keys()) unwatch(folder);
    },
  };
}
