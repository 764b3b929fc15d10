import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { POINTER_PATH } from '@gantry/tree';

/** A change that no event told of (a network file system, a folder that came or was replaced) is seen after this long. */
const POLL_MS = 500;

/**
 * Calls `onChange` when the pointer of a tree in a directory may have changed: at once where the system tells of it, and
 * twice a second in any case. The directory may be absent.
 */
export function watchPointer(directory: string, onChange: () => void): Disposable {
  const folder = path.join(directory, path.dirname(POINTER_PATH));
  let watcher: FSWatcher | undefined;
  let watchedInode: bigint | undefined;
  let ended = false;

  const unwatch = () => {
    watcher?.close();
    watcher = undefined;
    watchedInode = undefined;
  };

  /** Watches the folder that is there now: one that was removed and made again is another. */
  const rewatch = async () => {
    const inode = await stat(folder, { bigint: true }).then(
      (found) => found.ino,
      () => undefined,
    );
    if (ended || inode === watchedInode) return;
    unwatch();
    if (inode === undefined) return;
    try {
      watcher = watch(folder, { persistent: false }, (_event, file) => {
        if (file === null || file === path.basename(POINTER_PATH)) onChange();
      });
      watcher.on('error', unwatch);
      watchedInode = inode;
    } catch {
      unwatch(); // no more watches to be had: polling is enough
    }
  };

  void rewatch();
  const timer = setInterval(() => {
    void rewatch();
    onChange();
  }, POLL_MS);
  return {
    [Symbol.dispose]() {
      ended = true;
      clearInterval(timer);
      unwatch();
    },
  };
}
