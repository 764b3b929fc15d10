import { chmod, mkdir, readdir } from 'node:fs/promises';
import { Fault } from '@gantry/oci';
import { FOLDER_MODE, TEMPORARY } from './files.ts';

const FOLDERS = ['lists', 'pool', 'serial'];

/**
 * Makes the folder of a tree. It must be empty, absent or a tree: what lies there is not overwritten by mistake.
 * @throws Fault CONFIGURATION_INVALID
 */
export async function prepareRoot(root: string): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new Fault('CONFIGURATION_INVALID', `tree.filesystem.root: ${root} ${why}`, { path: root }, { cause });
  try {
    await mkdir(root, { recursive: true });
    const names = (await readdir(root)).filter((name) => name !== 'lost+found');
    const foreign = names.find((name) => !FOLDERS.includes(name) && name !== TEMPORARY);
    if (foreign !== undefined && !names.includes('serial')) {
      throw refuse(`holds ${JSON.stringify(foreign)} and is not a tree: name an empty folder`);
    }
    await chmod(root, FOLDER_MODE);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw refuse('can not be used as a folder to write to', error);
  }
}
