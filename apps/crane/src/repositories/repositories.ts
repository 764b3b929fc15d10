import { asFault, type Digest } from '@gantry/oci';
import type { TreeSource, TreeView } from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import { putWord, WORD_BYTES, wordAt } from './bytes.ts';
import type { Lookup, Repository } from './repository.ts';
import type { Count } from '../counters.ts';
import { fewAtATime } from './few-at-a-time.ts';
import { reusedMemory } from './reused-memory.ts';
import { PackedRepository } from './packed-repository.ts';
import type { RareErrors } from '../rare-errors.ts';
import { readRepository } from './read-repository.ts';
import { type Place, recordCache } from './record-cache.ts';
import type { TreeState } from '../follow/tree-follower.ts';

/** A document that can't be read is asked for again after this long, and not by each request in between. */
const RETRY_MS = 1000;
/** So many names that can't be read are remembered; anyone can make up any number of them. */
const MAX_FAILED = 1000;
/** So many documents are read and packed at once: what lies about meanwhile is a multiple of their size. */
export const READS_AT_ONCE = 8;
/** One that does not come holds up the others no longer than this. */
const PATIENCE = { patienceMs: 250, slowLimit: 256 };

export interface Repositories {
  /**
   * What is known of a name in the present serial: at once if it was asked for lately, else a promise, which never rejects. What is
   * given at once holds until the present turn ends, as its memory is used for others.
   */
  lookup(name: string): Lookup | Promise<Lookup>;
  /** The same for who needs it longer. */
  find(name: string): Promise<Lookup>;
}

export interface RepositoriesOptions {
  readonly source: TreeSource;
  /** Memory for packed repositories. */
  readonly maxBytes: number;
  readonly treeState: () => TreeState;
  readonly tellError: RareErrors;
  readonly failures: Count;
}

const ABSENT: Lookup = { state: 'absent' };
const UNREADABLE: Lookup = { state: 'unreadable' };

/**
 * Loads repositories lazily and keeps them packed in bounded memory; a new serial has only those read again that changed.
 * A record is the number of the view that it is known to hold for, its document's digest, and the packed repository.
 */
export function createRepositories(options: RepositoriesOptions): Repositories {
  const { source, maxBytes, treeState, failures, tellError } = options;
  const records = recordCache(maxBytes);
  const failed = new LRUCache<string, { view: TreeView; retryAt: number }>({ max: MAX_FAILED });
  const loads = new Map<string, { readonly view: TreeView; readonly lookup: Promise<Lookup> }>();
  const inTurn = fewAtATime(READS_AT_ONCE, PATIENCE);
  const withMemory = reusedMemory(READS_AT_ONCE);
  let present: TreeView | undefined;
  let viewNumber = 0;

  const load = async (name: string, view: TreeView): Promise<Lookup> => {
    try {
      const digest = await view.repositoryDigest(name);
      // Names that do not exist are not kept: root and shard, which prove it, are at hand.
      if (digest === undefined) {
        records.delete(name);
        return ABSENT;
      }
      let place = records.get(name);
      let found: Repository | undefined;
      if (place === undefined || digestIn(place) !== digest) {
        const packed = await inTurn(() =>
          withMemory((allocate) => readRepository(source, name, digest, allocate)),
        );
        place = records.set(name, headOf(digest), packed);
        found = new PackedRepository(packed);
      }
      // Another serial may have come while this one's document was on its way.
      if (view === present) putWord(place.bytes, place.at, viewNumber);
      failed.delete(name);
      return found ?? repositoryIn(place).kept();
    } catch (error) {
      failures.value++;
      const former = records.get(name);
      const fields = { repository: name, serial: view.statement.serial, lastGood: former !== undefined };
      tellError(fields, asFault(error).message);
      failed.set(name, { view, retryAt: Date.now() + RETRY_MS });
      return kept(lastGood(former));
    }
  };

  const lookup: Repositories['lookup'] = (name) => {
    const tree = treeState();
    if (tree.state !== 'following') return tree.state === 'empty' ? ABSENT : UNREADABLE;
    const { view } = tree;
    if (view !== present) {
      present = view;
      viewNumber++;
    }
    const place = records.get(name);
    if (place !== undefined && wordAt(place.bytes, place.at) === viewNumber) return repositoryIn(place);
    const failure = failed.get(name);
    if (failure?.view === view && failure.retryAt > Date.now()) {
      return lastGood(place);
    }
    const running = loads.get(name);
    if (running?.view === view) return running.lookup;
    const begun = load(name, view).finally(() => {
      if (loads.get(name)?.lookup === begun) loads.delete(name);
    });
    loads.set(name, { view, lookup: begun });
    return begun;
  };
  return {
    lookup,
    async find(name) {
      const found = lookup(name);
      return found instanceof Promise ? found : kept(found);
    },
  };
}

const DIGEST_LENGTH_AT = WORD_BYTES;
const DIGEST_AT = WORD_BYTES + 1;

/** What stands before a packed repository. */
function headOf(digest: Digest): Buffer {
  const head = Buffer.alloc(DIGEST_AT + digest.length);
  head[DIGEST_LENGTH_AT] = head.write(digest, DIGEST_AT, 'latin1');
  return head;
}

function digestIn({ bytes, at }: Place): string {
  return bytes.toString('latin1', at + DIGEST_AT, packedAt(bytes, at));
}

function repositoryIn({ bytes, at }: Place): Repository {
  return new PackedRepository(bytes, packedAt(bytes, at));
}

/** What is left to go by while a document can't be read. */
function lastGood(place: Place | undefined): Lookup {
  return place === undefined
    ? UNREADABLE
    : new PackedRepository(place.bytes, packedAt(place.bytes, place.at), true);
}

function kept(lookup: Lookup): Lookup {
  return lookup.state === 'known' ? lookup.kept() : lookup;
}

function packedAt(bytes: Buffer, at: number): number {
  return at + DIGEST_AT + (bytes[at + DIGEST_LENGTH_AT] as number);
}
