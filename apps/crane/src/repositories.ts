import { asFault, type Digest, Fault } from '@gantry/oci';
import {
  assembleRepository,
  decodeRepositoryFile,
  indexPath,
  readDocumentBytes,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';
import { LRUCache } from 'lru-cache';
import { boundedCache, type Cacheable } from './bounded-cache.ts';
import type { Lookup } from './decide.ts';
import type { Count } from './counters.ts';
import { PackedRepository } from './packed-repository.ts';
import type { RareErrors } from './rare-errors.ts';
import type { TreeState } from './tree-follower.ts';

/** A document that can't be read is asked for again after this long, and not by each request in between. */
const RETRY_MS = 1000;
/** So many names that can't be read are remembered; anyone can make up any number of them. */
const MAX_FAILED = 1000;

/** The memory that a name takes beside its repository, about. */
const KEPT_BYTES = 300;

export interface Repositories {
  /** What is known of a name in the present serial: at once if it was asked for lately, else a promise. Never rejects. */
  lookup(name: string): Lookup | Promise<Lookup>;
}

export interface RepositoriesOptions {
  readonly source: TreeSource;
  /** Memory for packed repositories. */
  readonly maxBytes: number;
  readonly treeState: () => TreeState;
  readonly tellError: RareErrors;
  readonly failures: Count;
}

/** A repository as it was read last, and for which view of the tree that is known to hold. */
interface Kept extends Cacheable {
  readonly state: 'known';
  readonly repository: PackedRepository;
  /** Of the document that it was made of. */
  readonly digest: Digest;
  readonly view: TreeView;
  /** When its present document, which could not be read, is tried again; in ms since the epoch. */
  readonly retryAt?: number;
}

const ABSENT: Lookup = { state: 'absent' };
const UNREADABLE: Lookup = { state: 'unreadable' };

/** Loads repositories lazily and keeps them packed in bounded memory; a new serial has only those read again that changed. */
export function createRepositories(options: RepositoriesOptions): Repositories {
  const { source, maxBytes, treeState, failures, tellError } = options;
  const kept = boundedCache<Kept>(maxBytes);
  const failed = new LRUCache<string, { view: TreeView; retryAt: number }>({ max: MAX_FAILED });
  const loads = new Map<string, { readonly view: TreeView; readonly lookup: Promise<Lookup> }>();

  const load = async (name: string, view: TreeView): Promise<Lookup> => {
    try {
      const digest = await view.repositoryDigest(name);
      // Names that do not exist are not kept: root and shard, which prove it, are at hand.
      if (digest === undefined) {
        kept.delete(name);
        return ABSENT;
      }
      const former = kept.get(name);
      const repository =
        former?.digest === digest ? former.repository : await readRepository(source, name, digest);
      const sizeBytes = KEPT_BYTES + repository.sizeBytes;
      const found: Kept = { key: name, state: 'known', repository, digest, view, sizeBytes, used: false };
      kept.set(found);
      return found;
    } catch (error) {
      const former = kept.get(name);
      failures.value++;
      const lastGood = former !== undefined;
      tellError({ repository: name, serial: view.statement.serial, lastGood }, asFault(error).message);
      const retryAt = Date.now() + RETRY_MS;
      if (former === undefined) {
        failed.set(name, { view, retryAt });
        return UNREADABLE;
      }
      const found: Kept = { ...former, view, retryAt };
      kept.set(found);
      return found;
    }
  };

  return {
    lookup(name) {
      const tree = treeState();
      if (tree.state !== 'following') return tree.state === 'empty' ? ABSENT : UNREADABLE;
      const { view } = tree;
      const entry = kept.get(name);
      if (entry?.view === view && (entry.retryAt === undefined || entry.retryAt > Date.now())) {
        return entry;
      }
      const running = loads.get(name);
      if (running?.view === view) return running.lookup;
      const failure = entry === undefined ? failed.get(name) : undefined;
      if (failure?.view === view && failure.retryAt > Date.now()) return UNREADABLE;
      const lookup = load(name, view).finally(() => {
        if (loads.get(name)?.lookup === lookup) loads.delete(name);
      });
      loads.set(name, { view, lookup });
      return lookup;
    },
  };
}

/**
 * Reads a repository's document past the view's cache: it is packed at once, and its bulk is of no use after that.
 * @throws Fault UNAVAILABLE, TREE_INVALID
 */
async function readRepository(source: TreeSource, name: string, digest: Digest): Promise<PackedRepository> {
  const where = `the document ${indexPath(digest)} of ${source.name}`;
  const load = (part: Digest) => readDocumentBytes(source, part);
  const document = await assembleRepository(decodeRepositoryFile(await load(digest), where), load, where);
  if (document.name === name) return new PackedRepository(document);
  throw new Fault('TREE_INVALID', `${where} is named for "${name}", and is of "${document.name}"`);
}
