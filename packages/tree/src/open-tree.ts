import { type Digest, digestOf, Fault } from '@gantry/oci';
import { type DocumentCache, documentCache } from './document-cache.ts';
import type { RepositoryDocument, RootDocument, ShardDocument, Statement } from './documents.ts';
import type { PublicKey } from './keys.ts';
import { indexPath, POINTER_PATH, serialPath, shardOf } from './paths.ts';
import { invalidDocument, MAX_DOCUMENT_BYTES } from './reading-json.ts';
import { assembleRepository, decodeRepositoryFile } from './repository-file.ts';
import { decodeRoot } from './root.ts';
import type { PackedShard } from './packed-shard.ts';
import { packShard } from './shard.ts';
import { findSignatureProblem } from './signatures.ts';
import {
  decodeStatement,
  judgeStatement,
  MAX_STATEMENT_BYTES,
  saysTheSame,
  type StatedSerial,
} from './statement.ts';
import type { TreeView } from './tree-reader.ts';
import type { Allocate, TreeSource } from './tree-source.ts';

export interface OpenTreeOptions {
  /** That serial instead of the current one. */
  readonly serial?: number;
  /** The id of the only tree that is accepted. */
  readonly pinnedTree?: string;
  /** The lowest serial that is accepted. */
  readonly floorSerial?: number;
  /** Keys of which one must have signed the statement; with none its signatures are not looked at. */
  readonly trustedKeys?: readonly PublicKey[];
  /** The view that was held so far. An equal statement gives it back, a newer one shares what is unchanged with it. */
  readonly previous?: TreeView;
  /** Room for documents that were read, in bytes: shards are kept packed, of all else the files' bytes count; 64 MiB if absent. The previous view's is taken over. */
  readonly cacheBytes?: number;
}

/**
 * Opens the state that a tree's pointer names, or that of `serial`. The root document is read at once, all else on first use.
 * @returns undefined when the pointer (or that serial's statement) is absent: an absent or empty tree
 * @throws Fault TREE_INVALID for a statement that is malformed, not signed by a trusted key (`details.signature` says how),
 * below `floorSerial`, of another tree than the pinned or former one, older than the former one, or a fork of it;
 * UNAVAILABLE when the place does not answer, or lacks the root
 */
export async function openTree(
  source: TreeSource,
  options: OpenTreeOptions = {},
): Promise<TreeView | undefined> {
  const next = await readStatement(source, options.serial, options.trustedKeys);
  if (next === undefined) return undefined;
  const { previous, cacheBytes = 64 * 1024 * 1024 } = options;
  const isResigned = previous !== undefined && (await differsInSignatures(source, previous, next, options));
  refuseUnfit(source, next, options, isResigned);
  if (isResigned && previous.statement.serial === next.statement.serial) return previous;
  if (previous !== undefined && previous.digest === next.digest) return previous;
  const cache = previous instanceof OpenedTree ? previous.cache : documentCache(cacheBytes);
  return OpenedTree.open(source, next, cache);
}

/**
 * The current statement, or that of `serial`; undefined if it is absent.
 * @param trustedKeys of which one must have signed it; with none its signatures are not looked at
 * @throws Fault TREE_INVALID, UNAVAILABLE
 */
export async function readStatement(
  source: TreeSource,
  serial?: number,
  trustedKeys: readonly PublicKey[] = [],
): Promise<StatedSerial | undefined> {
  const path = serial === undefined ? POINTER_PATH : serialPath(serial);
  const where = `${path} of ${source.name}`;
  const bytes = await source.read(path, MAX_STATEMENT_BYTES);
  if (bytes === undefined) return undefined;
  const statement = decodeStatement(bytes, where);
  if (serial !== undefined && statement.serial !== serial) {
    throw invalidDocument(where, `it is the statement of serial ${statement.serial}`);
  }
  const problem = trustedKeys.length === 0 ? undefined : findSignatureProblem(bytes, trustedKeys, where);
  if (problem !== undefined) {
    throw new Fault(
      'TREE_INVALID',
      `serial ${statement.serial} of ${source.name} is refused: ${problem.why}`,
      {
        tree: statement.tree,
        serial: statement.serial,
        signature: problem.kind,
      },
    );
  }
  return { statement, digest: digestOf(bytes) };
}

function refuseUnfit(
  source: TreeSource,
  next: StatedSerial,
  options: OpenTreeOptions,
  isResigned: boolean,
): void {
  const { tree, serial } = next.statement;
  const refuse = (why: string) =>
    new Fault('TREE_INVALID', `serial ${serial} of ${source.name} is refused: ${why}`, { tree, serial });
  if (options.pinnedTree !== undefined && tree !== options.pinnedTree) {
    throw refuse(`it is of the tree ${tree}, and ${options.pinnedTree} is pinned`);
  }
  if (options.floorSerial !== undefined && serial < options.floorSerial) {
    throw refuse(`serial ${options.floorSerial} was seen before, and a tree never goes back`);
  }
  if (options.previous === undefined) return;
  const held = options.previous.statement;
  switch (judgeStatement(options.previous, next)) {
    case 'same':
    case 'newer':
      return;
    case 'older':
      throw refuse(`serial ${held.serial} was read before, and a tree never goes back`);
    case 'fork':
      if (isResigned) return;
      throw refuse(`it is a fork: it contradicts serial ${held.serial}, which was read before`);
    case 'other tree':
      throw refuse(`it is of the tree ${tree}, and ${held.tree} was read before`);
  }
}

/**
 * Whether what looks like a fork is none: somebody on the way has put signatures that count for nothing beside the right
 * one, or has taken one of two away. What is signed is the same then, but the bytes and their digest are not. Without this
 * a reader that took such a statement once would refuse all that follow.
 */
async function differsInSignatures(
  source: TreeSource,
  held: StatedSerial,
  next: StatedSerial,
  { trustedKeys = [] }: OpenTreeOptions,
): Promise<boolean> {
  if (trustedKeys.length === 0 || judgeStatement(held, next) !== 'fork') return false;
  const { serial } = held.statement;
  const { previous } = next.statement;
  if (next.statement.serial === serial) return saysTheSame(held.statement, next.statement);
  if (previous?.serial !== serial) return false;
  const written = await readStatement(source, serial);
  return written?.digest === previous.digest && saysTheSame(held.statement, written.statement);
}

/** A view on a source. Documents are content-addressed, so that views of one tree share one cache. */
class OpenedTree implements TreeView {
  readonly statement: Statement;
  readonly digest: Digest;
  readonly shards: ReadonlyMap<string, Digest>;
  readonly cache: DocumentCache;
  readonly #source: TreeSource;
  /** Documents on their way: many who wait share one load. */
  readonly #loads: Map<string, Promise<unknown>>;

  constructor(source: TreeSource, stated: StatedSerial, root: RootDocument, cache: DocumentCache) {
    this.#source = source;
    this.statement = stated.statement;
    this.digest = stated.digest;
    this.shards = root.shards;
    this.cache = cache;
    this.#loads = new Map();
  }

  static async open(source: TreeSource, stated: StatedSerial, cache: DocumentCache): Promise<OpenedTree> {
    const { root } = stated.statement;
    const known = cache.get(`root ${root}`) as RootDocument | undefined;
    if (known !== undefined) return new OpenedTree(source, stated, known, cache);
    const bytes = await readDocumentBytes(source, root);
    const document = decodeRoot(bytes, nameOf(source, root));
    cache.set(`root ${root}`, document, bytes.length);
    return new OpenedTree(source, stated, document, cache);
  }

  async shard(key: string): Promise<ShardDocument> {
    return { repositories: new Map(await this.#shard(key)) };
  }

  async repositoryDigest(name: string): Promise<Digest | undefined> {
    return (await this.#shard(shardOf(name)))?.digestOf(name);
  }

  async repository(name: string): Promise<RepositoryDocument | undefined> {
    const digest = await this.repositoryDigest(name);
    if (digest === undefined) return undefined;
    const where = this.#nameOf(digest);
    const document = await this.#load('repository', digest, async (bytes) => {
      let sizeBytes = bytes.length;
      const loadPart = async (part: Digest) => {
        const partBytes = await readDocumentBytes(this.#source, part);
        sizeBytes += partBytes.length;
        return partBytes;
      };
      const value = await assembleRepository(decodeRepositoryFile(bytes, where), loadPart, where);
      return { value, sizeBytes };
    });
    if (document.name !== name)
      throw invalidDocument(where, `it is named for "${name}", and is of "${document.name}"`);
    return document;
  }

  async *repositories(): AsyncGenerator<{ name: string; digest: Digest }> {
    for (const key of this.shards.keys()) {
      const shard = await this.shard(key);
      for (const [name, digest] of shard.repositories) yield { name, digest };
    }
  }

  document(digest: Digest): Promise<Uint8Array> {
    return this.#load('bytes', digest, async (bytes) => ({ value: bytes, sizeBytes: bytes.length }));
  }

  /** Undefined for one that the root does not name. */
  async #shard(key: string): Promise<PackedShard | undefined> {
    const digest = this.shards.get(key);
    if (digest === undefined) return undefined;
    return this.#load('shard', digest, async (bytes) => {
      const shard = packShard(bytes, this.#nameOf(digest));
      return { value: shard, sizeBytes: shard.sizeBytes };
    });
  }

  #nameOf(digest: Digest): string {
    return nameOf(this.#source, digest);
  }

  /**
   * @param kind what the document is read as
   * @param decode what the cache is to hold of it, and by how many bytes
   */
  async #load<T>(
    kind: string,
    digest: Digest,
    decode: (bytes: Uint8Array) => Promise<{ readonly value: T; readonly sizeBytes: number }>,
  ): Promise<T> {
    const key = `${kind} ${digest}`;
    const cached = this.cache.get(key) ?? this.#loads.get(key);
    if (cached !== undefined) return cached as T | Promise<T>;
    const load = (async () => {
      const { value, sizeBytes } = await decode(await readDocumentBytes(this.#source, digest));
      this.cache.set(key, value, sizeBytes);
      return value;
    })();
    this.#loads.set(key, load);
    try {
      return await load;
    } finally {
      this.#loads.delete(key);
    }
  }
}

/**
 * The bytes of a document in `pool/index`.
 * @param allocate gives the memory that they are put in; a new Buffer if absent
 * @throws Fault UNAVAILABLE when it is absent, or its bytes are not those of its digest
 */
export async function readDocumentBytes(
  source: TreeSource,
  digest: Digest,
  allocate?: Allocate,
): Promise<Uint8Array> {
  const bytes = await source.read(indexPath(digest), MAX_DOCUMENT_BYTES, allocate);
  if (bytes !== undefined && digestOf(bytes) === digest) return bytes;
  const why = bytes === undefined ? 'it is absent' : 'its bytes are not those of its digest';
  throw new Fault('UNAVAILABLE', `${nameOf(source, digest)} can not be read: ${why}`, {
    document: indexPath(digest),
    tree: source.name,
  });
}

function nameOf(source: TreeSource, digest: Digest): string {
  return `the document ${indexPath(digest)} of ${source.name}`;
}
