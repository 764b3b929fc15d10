import path from 'node:path';
import { POINTER_PATH } from '@gantry/tree';
import { watchFolders } from './watch-folders.ts';

/** A change that no event told of (a network file system, a folder that came or was replaced) is seen after this long. */
const POLL_MS = 500;

/**
 * Calls `onChange` when the pointer of a tree in a directory may have changed: at once where the system tells of it, and
 * twice a second in any case. The directory may be absent.
 */
export function watchPointer(directory: string, onChange: () => void): Disposable {
  const pointer = path.join(directory, POINTER_PATH);
  const watch = watchFolders((place) => {
    if (place === pointer) onChange();
  });
  const rewatch = () => void watch.setFolders([path.dirname(pointer)]);
  rewatch();
  const timer = setInterval(() => {
    rewatch();
    onChange();
  }, POLL_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      watch[Symbol.dispose]();
    },
  };
}
