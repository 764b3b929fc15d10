import { digestOf, Fault } from '@gantry/oci';
import type { S3Client } from '@gantry/store/s3';
import {
  decodeStatement,
  MAX_STATEMENT_BYTES,
  POINTER_PATH,
  serialPath,
  type StatedSerial,
  type TreeSource,
} from '@gantry/tree';
import { followedBy } from '../followed-by.ts';
import { newestClaimed } from '../newest-claimed.ts';
import { headersFor } from './headers.ts';

/** How often others may be faster: they have the lease one after the other. */
const ATTEMPTS = 16;

/**
 * Moves the pointer on, never back: what is written takes the place of that very pointer that was compared (If-Match), or
 * of none (If-None-Match). Some servers compare and write in two steps, so that of two who write at the same moment both
 * may: so whoever wrote looks whether a newer serial was claimed, as each is before its pointer moves, and puts it back.
 * One that does not go on from here is not looked at.
 * @throws Fault LEASE_LOST when there is a newer serial; TREE_INVALID for a newer statement that is damaged
 */
export async function movePointer(
  client: S3Client,
  source: TreeSource,
  highestSerial: () => Promise<number>,
  statement: Uint8Array,
): Promise<void> {
  const mine = decodeStatement(statement);
  let current: StatedSerial = { statement: mine, digest: digestOf(statement) };
  let bytes = statement;
  for (;;) {
    await show(client, source.name, current.statement.serial, bytes);
    const { newest } = await newestClaimed(source, await highestSerial(), current);
    const newer = newest && (await source.read(serialPath(newest.statement.serial), MAX_STATEMENT_BYTES));
    if (newest === undefined || newer === undefined) break;
    [current, bytes] = [newest, newer];
  }
  if (current.statement.serial !== mine.serial)
    throw followedBy(current.statement.serial, mine.serial, source.name);
}

/** @throws Fault LEASE_LOST when the pointer is at a newer serial */
async function show(client: S3Client, tree: string, serial: number, statement: Uint8Array): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const current = await client.read(POINTER_PATH, MAX_STATEMENT_BYTES);
    // Also after an answer that was lost.
    if (current !== undefined && Buffer.compare(current.bytes, statement) === 0) return;
    const shown =
      current === undefined ? 0 : decodeStatement(current.bytes, `${POINTER_PATH} of ${tree}`).serial;
    if (shown > serial) throw followedBy(shown, serial, tree);
    const condition =
      current === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: current.object.etag };
    const { written } = await client.put(POINTER_PATH, statement, {
      ...headersFor(POINTER_PATH),
      ...condition,
    });
    if (written) return;
  }
  throw new Fault('UNAVAILABLE', `the pointer of ${tree} was moved by others ${ATTEMPTS} times in a row`);
}
