import { asFault, type Digest } from '@gantry/oci';
import { indexPath, openTree, readStatement, type TreeSource, type TreeView } from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import type { Lookup } from '../repositories/repository.ts';
import { fewAtATime } from '../repositories/few-at-a-time.ts';
import { PackedRepository } from '../repositories/packed-repository.ts';
import type { RareErrors } from '../rare-errors.ts';
import { readRepository } from '../repositories/read-repository.ts';
import { createStatementChain, notInChain, type Proved } from './statement-chain.ts';

/** What names meant in earlier serials, as far as those are kept. */
export interface History {
  /** Never rejects. */
  lookup(name: string, serial: number): Promise<Lookup>;
}

export interface HistoryOptions {
  readonly source: TreeSource;
  /** The serial that is served. */
  readonly view: () => TreeView | undefined;
  readonly tellError: RareErrors;
}

const VIEWS_KEPT = 16;
const VIEW_BYTES = 1024 * 1024;
/** 256 digests take less. */
const MAX_ROOT_BYTES = 1024 * 1024;
const REPOSITORY_BYTES = 8 * 1024 * 1024;
/** Anyone may ask for any serial: so many look-ups read at a time, and so many wait. */
const READS_AT_ONCE = 4;
const WAITING_MAX = 100;

/**
 * Reads earlier serials on demand. Each is proved by the chain of statements from the one that is served, whose signature
 * was looked at: so keys that were rotated since need not be known, and a statement that was claimed in vain is none of
 * the tree's.
 *
 * Statements are never taken away, so one that is lost is damage: nobody can say then what was before it. A snapshot that is
 * kept no more lacks its root. So does one that was damaged; but those that are kept are the newest, with no gap: where
 * the serial before it has its root, this one's was lost.
 */
export function createHistory({ source, view, tellError }: HistoryOptions): History {
  const chain = createStatementChain(source);
  const views = new LRUCache<number, TreeView>({ max: VIEWS_KEPT });
  const repositories = new LRUCache<string, Buffer>({
    maxSize: REPOSITORY_BYTES,
    sizeCalculation: (packed, key) => packed.length + key.length,
  });

  const isThere = async (root: Digest): Promise<boolean> =>
    (await source.read(indexPath(root), MAX_ROOT_BYTES)) !== undefined;

  /** @returns undefined for a snapshot that is kept no more */
  const open = async (serial: number, { digest, next }: Proved): Promise<TreeView | undefined> => {
    const stated = await readStatement(source, serial);
    if (stated?.digest !== digest) throw notInChain(source, serial);
    if (!(await isThere(stated.statement.root))) {
      const beside = stated.statement.previous?.serial ?? next;
      const besides = await readStatement(source, beside);
      if (besides === undefined) throw notInChain(source, beside);
      if (!(await isThere(besides.statement.root))) return undefined;
    }
    const opened = await openTree(source, { serial, cacheBytes: VIEW_BYTES });
    if (opened?.digest !== digest) throw notInChain(source, serial);
    return opened;
  };

  const viewOf = async (current: TreeView, serial: number): Promise<TreeView | undefined> => {
    if (serial === current.statement.serial) return current;
    const found = await chain.prove(current, serial);
    const known = found && views.get(serial);
    if (found === undefined || known?.digest === found.digest) return known;
    const opened = await open(serial, found);
    if (opened !== undefined) views.set(serial, opened);
    return opened;
  };

  const read = async (current: TreeView, name: string, serial: number): Promise<Lookup> => {
    const at = await viewOf(current, serial);
    if (at === undefined) return notKept(serial);
    const document = await at.repositoryDigest(name);
    if (document === undefined) return { state: 'absent' };
    const key = `${document} ${name}`;
    const packed = repositories.get(key) ?? (await readRepository(source, name, document));
    repositories.set(key, packed);
    return new PackedRepository(packed);
  };

  const inTurn = fewAtATime(READS_AT_ONCE);
  let waiting = 0;

  return {
    async lookup(name, serial) {
      const current = view();
      if (current === undefined || serial > current.statement.serial) return notKept(serial);
      if (waiting >= WAITING_MAX) return { state: 'unreadable' };
      waiting++;
      try {
        return await inTurn(() => read(current, name, serial));
      } catch (error) {
        tellError({ repository: name, serial }, asFault(error).message);
        return { state: 'unreadable' };
      } finally {
        waiting--;
      }
    },
  };
}

function notKept(serial: number): Lookup {
  return { state: 'not kept', serial };
}
