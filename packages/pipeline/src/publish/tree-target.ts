import type { TreeSource } from '@gantry/tree';
import type { HeldLease } from '../hold-lease.ts';
import type { PoolContent } from './compose-repository.ts';

/** How an object is put. */
export interface PutContentOptions {
  /** Has one that is there with its size read, too: it stays only if its bytes are those of its digest. */
  readonly check?: boolean;
}

/**
 * Where a tree is written. Files are put in any order within a phase; `settle` makes a phase durable before the next
 * one names it. Nothing that was put is ever changed, and what is put is seen whole or not at all.
 *
 * One publisher at a time writes, by a lease. One that was stopped may wake when its lease has long been another's, so
 * no call of its may harm what a later one did: what is named by its content may be put by anybody, what is named by a
 * serial belongs to who puts it first, and the pointer never goes back.
 *
 * Every call may throw Fault UNAVAILABLE, and every one that writes STORAGE_FULL; it may be made again then.
 */
export interface TreeTarget {
  /** For reading what is there. */
  readonly source: TreeSource;
  /**
   * Starts a publication, and removes what those before it have left on their way. What a later one is at stays.
   * @param confirm asks whether the publisher has its lease, and throws if not
   * @throws what `confirm` throws
   */
  begin(confirm: () => Promise<void>): Promise<void>;
  /**
   * Puts an object of the store into the pool, by the cheapest way there is. One that is there with its size stays; one
   * of another size is put right.
   * @throws Fault BLOB_UNKNOWN; CONTENT_CORRUPT when the store's bytes were read, and are not those of the digest
   */
  putContent(object: PoolContent, options?: PutContentOptions): Promise<void>;
  /** Whether an object of the pool is the very file that the store has: then its bytes are what those are. */
  isOfStore(object: PoolContent): Promise<boolean>;
  /** Puts a document, which is named by its digest. One that is there stays only if it has these bytes. */
  putDocument(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * Puts a list. Serials name lists, so one that is there is never replaced.
   * @param bytes also in pieces, for one that need not fit into memory
   * @returns false if there is one with other bytes: of a publication that was cut off, or goes on elsewhere
   */
  putList(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<boolean>;
  /** What was put so far is durable when this resolves. */
  settle(): Promise<void>;
  /**
   * Creates a serial's statement, which claims the serial. Durable when it resolves.
   * @returns false if it is claimed already, with other bytes: the very same ones are a claim whose answer was lost
   */
  claim(serial: number, statement: Uint8Array): Promise<boolean>;
  /**
   * Makes a statement that was claimed the tree's current one. Durable when it resolves. Never leaves it in the place of
   * a newer one.
   * @throws Fault LEASE_LOST when the tree has a newer one: another publisher has gone on
   */
  movePointer(statement: Uint8Array): Promise<void>;
  /** The highest serial that was ever claimed; 0 for none. */
  highestSerial(): Promise<number>;
  /**
   * Removes an object of the pool; no error if it is absent. Durable when it resolves. Only for what no list has in the
   * pool any more.
   * @throws Fault TREE_INVALID for a path that is none of the pool
   */
  removeContent(path: string): Promise<void>;
  /**
   * Removes objects of the pool and lists; no error for those that are absent. Only for what the current pool lacks, and
   * nobody needs any more: a loss of power may bring some back, as orphans. In a folder, nothing goes once another
   * publication has begun; elsewhere the lease is asked again and again.
   * @param lease under which the caller works, and has called `begin`
   * @throws Fault LEASE_LOST; TREE_INVALID for a path of anything else, before anything is removed
   */
  removeAll(paths: readonly string[], lease: Pick<HeldLease, 'confirm' | 'signal'>): Promise<void>;
  /** When a file came to lie where it does, by the clock of the place; undefined if it is absent. */
  putAt(path: string): Promise<Date | undefined>;
  /** Removes the full list of a serial; no error if it is absent. Only for those that are no longer among the newest. */
  removeFullList(serial: number): Promise<void>;
}
