import { link } from 'node:fs/promises';
import { Fault } from '@gantry/oci';
import type { PoolContent } from '../compose-repository.ts';
import { codeOf, isNoHardlink } from './files.ts';

/**
 * Gives content of the store a place in a tree by hardlink.
 * @param onNone told what the system says where there is no hardlink for all others either
 * @returns false where the bytes have to be copied
 * @throws Fault BLOB_UNKNOWN
 */
export async function hardlink(
  from: string,
  place: string,
  digest: PoolContent['digest'],
  onNone: (error: unknown) => void,
): Promise<boolean> {
  try {
    await link(from, place);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT')
      throw new Fault('BLOB_UNKNOWN', `${digest} is not in the store`, { digest }, { cause: error });
    // A file of another size is there: damaged from outside, and put right by a new file in its place.
    if (code === 'EEXIST' || code === 'EMLINK') return false;
    if (!isNoHardlink(error)) throw error;
    onNone(error);
    return false;
  }
}

/** What it costs that a tree can have no hardlinks to its store, and why it can't. */
export function noHardlinks(root: string, cause: unknown): Fault {
  const why =
    codeOf(cause) === 'EXDEV'
      ? 'lies on another file system than the store'
      : 'can have no hardlinks to the store: its file system knows none, or the files there belong to another user';
  return new Fault(
    'CONFIGURATION_INVALID',
    `tree.filesystem.root: ${root} ${why}. Each blob is copied when it is published: it takes its size once more, and the time to write that, unless the file system shares the bytes of copies. On one file system with the store it takes neither`,
    { path: root },
    { cause },
  );
}
