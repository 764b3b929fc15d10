import { readFile } from 'node:fs/promises';
import { digestOf } from '@gantry/oci';
import {
  decodeStatement,
  POINTER_PATH,
  readStatement,
  serialPath,
  type StatedSerial,
  type TreeSource,
} from '@gantry/tree';
import { followedBy } from '../followed-by.ts';
import { newestClaimed } from '../newest-claimed.ts';
import { type TreeFiles, writing } from './files.ts';

/**
 * Moves the pointer on, never back. No rename can compare; but a publisher that was followed is shut out (`TreeFiles`), so
 * its rename fails. That leaves two publications of one process, which share a folder: so whoever renamed looks again. A
 * serial is claimed before its pointer moves, hence a statement whose pointer this rename took away was there already,
 * and is found and put back, if it goes on from here.
 * @throws Fault LEASE_LOST when there is a newer serial
 */
export async function movePointer(
  files: TreeFiles,
  source: TreeSource,
  highestSerial: () => Promise<number>,
  statement: Uint8Array,
): Promise<void> {
  const mine = decodeStatement(statement);
  const shown = (await readStatement(source))?.statement.serial ?? 0;
  if (shown > mine.serial) throw followedBy(shown, mine.serial, source.name);
  const show = async (bytes: Uint8Array) => {
    await files.replace(files.at(POINTER_PATH), writing(bytes));
    await files.settle();
  };

  await show(statement);
  let current: StatedSerial = { statement: mine, digest: digestOf(statement) };
  for (;;) {
    const { newest } = await newestClaimed(source, await highestSerial(), current);
    if (newest === undefined) break;
    await show(await readFile(files.at(serialPath(newest.statement.serial))));
    current = newest;
  }
  if (current.statement.serial !== mine.serial)
    throw followedBy(current.statement.serial, mine.serial, source.name);
}
