import { Fault } from '@gantry/oci';
import type { Statement } from './documents.ts';
import { readStatement } from './open-tree.ts';
import { MAX_SERIAL, serialPath } from './paths.ts';
import type { Verification } from './verification.ts';

/** Serials are seldom passed over, and never many in a row. */
const SERIALS_AHEAD = 8;

/**
 * Notes the statements that lie above the pointer: it was put back, or a publication or a copy has not ended. A web server
 * is not asked: a cache before it would keep the answer that there is none until after there is one.
 */
export async function findNewer(
  { source, extra }: Pick<Verification, 'source' | 'extra'>,
  { tree, serial }: Statement,
): Promise<void> {
  if (source.list === undefined) return;
  const last = Math.min(serial + SERIALS_AHEAD, MAX_SERIAL);
  for (let next = serial + 1; next <= last; next++) {
    try {
      const newer = await readStatement(source, next);
      if (newer?.statement.tree === tree) extra.set(serialPath(next), aboveCurrent(serialPath(next), serial));
    } catch (error) {
      if (!(error instanceof Fault)) throw error; // what can't be read tells nothing
    }
  }
}

/** What is said of a statement that is above the pointer. */
export function aboveCurrent(path: string, serial: number): string {
  return `${path} is above serial ${serial}, which is the current one: a publication or a copy has not ended, or the pointer was put back`;
}
