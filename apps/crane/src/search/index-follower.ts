import { asFault, type Digest } from '@gantry/oci';
import type { TreeView } from '@gantry/tree';
import type { WordsReader } from './repository-words.ts';
import type { WordIndex } from './word-index.ts';

export interface IndexFollowerOptions {
  readonly index: Pick<WordIndex, 'put' | 'remove'>;
  readonly read: WordsReader;
  /** All names of a serial can be found. */
  readonly onNames: (view: TreeView) => void;
  /** All that is said in a serial can be found; `unread` of its repositories could not be read, and are tried again. */
  readonly onWords: (view: TreeView, reading: Reading) => void;
}

/** What was read for a serial. */
export interface Reading {
  readonly read: number;
  readonly unread: number;
  /** Why the last of them could not be read. */
  readonly reason?: string;
}

/** Keeps an index at what a tree holds. */
export interface IndexFollower {
  /** Takes a serial; one that comes meanwhile takes its place at once. @throws Fault UNAVAILABLE, TREE_INVALID */
  follow(view: TreeView): Promise<void>;
}

const READS_AT_ONCE = 4;

/**
 * Compares shards by their digests, in them repositories, and reads the words of those that changed: first the names of all,
 * which costs little, then what is said of them.
 */
export function createIndexFollower({ index, read, onNames, onWords }: IndexFollowerOptions): IndexFollower {
  /** The shards whose names are in the index, by their keys. */
  const taken = new Map<string, { digest: Digest; repositories: ReadonlyMap<string, Digest> }>();
  /** Repositories whose words have to be read, with their documents. */
  const waiting = new Map<string, Digest>();
  let latest: TreeView | undefined;

  const takeNames = async (view: TreeView): Promise<void> => {
    for (const key of new Set([...taken.keys(), ...view.shards.keys()])) {
      const digest = view.shards.get(key);
      const former = taken.get(key);
      if (former?.digest === digest) continue;
      const { repositories } = await view.shard(key);
      for (const name of former?.repositories.keys() ?? []) {
        if (repositories.has(name)) continue;
        index.remove(name);
        waiting.delete(name);
      }
      for (const [name, document] of repositories) {
        const before = former?.repositories.get(name);
        if (before === document) continue;
        if (before === undefined) index.put({ name, title: '', description: '', more: '' });
        waiting.set(name, document);
      }
      if (digest === undefined) taken.delete(key);
      else taken.set(key, { digest, repositories });
    }
  };

  const takeWords = async (view: TreeView): Promise<Reading> => {
    const unread = new Map<string, Digest>();
    let reason: string | undefined;
    let count = 0;
    const entries = waiting.entries();
    const readInTurn = async (): Promise<void> => {
      for (const [name, digest] of entries) {
        if (latest !== view) return;
        waiting.delete(name);
        try {
          index.put(await read(name, digest));
          count++;
        } catch (error) {
          unread.set(name, digest);
          reason = asFault(error).message;
        }
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, readInTurn));
    for (const [name, digest] of unread) waiting.set(name, digest);
    return { read: count, unread: unread.size, ...(reason !== undefined && { reason }) };
  };

  const take = async (view: TreeView): Promise<void> => {
    if (latest !== view) return;
    await takeNames(view);
    onNames(view);
    const reading = await takeWords(view);
    if (latest === view) onWords(view, reading);
  };

  let turn: Promise<void> = Promise.resolve();
  return {
    follow(view) {
      latest = view;
      turn = turn.catch(() => undefined).then(() => take(view));
      return turn;
    },
  };
}
