import { readFile } from 'node:fs/promises';
import { decodeStatement, POINTER_PATH, readStatement, serialPath, type TreeSource } from '@gantry/tree';
import { followedBy } from '../followed-by.ts';
import { type TreeFiles, writing } from './files.ts';

/**
 * Moves the pointer on, never back. No rename can compare, and whoever renames may have been stopped since it looked: so
 * it looks again afterwards. A serial is claimed before its pointer moves, hence a statement whose pointer this rename
 * took away was there already when it happened, and is found and put back. Only a publisher that is stopped a second
 * time, or killed, right here leaves an older pointer: then the lease's holder restores it (`restorePointer`), with its
 * next renewal or publication. Readers never go back meanwhile.
 * @throws Fault LEASE_LOST when there is a newer serial
 */
export async function movePointer(
  files: TreeFiles,
  source: TreeSource,
  highestSerial: () => Promise<number>,
  statement: Uint8Array,
): Promise<void> {
  const { serial } = decodeStatement(statement);
  const shown = (await readStatement(source))?.statement.serial ?? 0;
  const newer = Math.max(shown, await highestSerial());
  if (newer > serial) throw followedBy(newer, serial, source.name);
  const show = async (bytes: Uint8Array) => {
    await files.replace(files.at(POINTER_PATH), writing(bytes));
    await files.settle();
  };

  await show(statement);
  let current = serial;
  for (;;) {
    const highest = await highestSerial();
    if (highest <= current) break;
    await show(await readFile(files.at(serialPath(highest))));
    current = highest;
  }
  if (current !== serial) throw followedBy(current, serial, source.name);
}
