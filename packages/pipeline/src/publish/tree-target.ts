import type { TreeSource } from '@gantry/tree';
import type { PoolContent } from './compose-repository.ts';

/**
 * Where a tree is written. Files are put in any order within a phase; `settle` makes a phase durable before the next
 * one names it. Nothing that was put is ever changed.
 */
export interface TreeTarget {
  /** For reading what is there. */
  readonly source: TreeSource;
  /** Puts an object of the store into the pool, by the cheapest way there is. @throws Fault STORAGE_FULL, BLOB_UNKNOWN */
  putContent(object: PoolContent): Promise<void>;
  /** Puts a document or a list. */
  putBytes(path: string, bytes: Uint8Array): Promise<void>;
  /** What was put so far is durable when this resolves. */
  settle(): Promise<void>;
  /** Creates a serial's statement, which claims the serial; false if it is claimed already. Durable when it resolves. */
  claim(serial: number, statement: Uint8Array): Promise<boolean>;
  /** Makes this statement the tree's current one. Durable when it resolves. */
  movePointer(statement: Uint8Array): Promise<void>;
  /** The highest serial that was ever claimed; 0 for none. */
  highestSerial(): Promise<number>;
  /** Removes what a publisher that died has left on its way. Only whoever holds the lease may call it. */
  removeLeftovers(): Promise<void>;
  /** Removes full lists that are no longer among the newest. */
  removeFullList(serial: number): Promise<void>;
}
