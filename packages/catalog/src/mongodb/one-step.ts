import { randomUUID } from 'node:crypto';
import type { Fault } from '@gantry/oci';
import type { Db } from 'mongodb';
import { hello } from './clock.ts';
import { unusableDatabase } from './failures.ts';
import { WRITES_AND_READS } from './database.ts';

/** How many writers ask for the same document at once. */
const WRITERS = 8;
/** The first one opens the connections, and so asks one after the other. */
const ROUNDS = 5;

/**
 * Holds a server that is no member of a replica set to what everything here relies on: an update finds and changes a
 * document in one step. Not all that speak MongoDB's protocol do (FerretDB 1 looks first, and writes then), and nothing
 * in what they say of themselves tells.
 * @throws Fault CONFIGURATION_INVALID
 */
export async function mustWriteInOneStep(database: Db, name: string): Promise<void> {
  const { setName, msg } = await hello(database);
  if (setName !== undefined || msg === 'isdbgrid') return;
  const rows = database.collection<{ _id: string; value: number }>('counters', WRITES_AND_READS);
  const key = `one step ${randomUUID()}`;
  await rows.insertOne({ _id: key, value: 0 });
  try {
    for (let value = 0; value < ROUNDS; value++) {
      const won = await Promise.all(
        Array.from({ length: WRITERS }, async () => {
          const { matchedCount } = await rows.updateOne({ _id: key, value }, { $set: { value: value + 1 } });
          return matchedCount;
        }),
      );
      if (won.filter((count) => count > 0).length > 1) throw severalWin(name);
    }
  } finally {
    await rows.deleteOne({ _id: key });
  }
}

function severalWin(name: string): Fault {
  return unusableDatabase(
    name,
    'lets two writers change the same document at once, so work would be lost: name a MongoDB, of version 5 or newer',
  );
}
