import { readFile } from 'node:fs/promises';
import { decodeStatement, POINTER_PATH, readStatement, serialPath, type TreeSource } from '@gantry/tree';
import { followedBy } from '../followed-by.ts';
import { type TreeFiles, writing } from './files.ts';

/**
 * Moves the pointer on, never back. No rename can compare; but a publisher that was followed is shut out (`TreeFiles`), so
 * its rename fails. That leaves two publications of one process, which share a folder: so whoever renamed looks again. A
 * serial is claimed before its pointer moves, hence a statement whose pointer this rename took away was there already,
 * and is found and put back.
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
  if (shown > serial) throw followedBy(shown, serial, source.name);
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
