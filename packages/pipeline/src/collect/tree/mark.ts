import { type Digest, Fault, forEachConcurrently, MANIFEST_KINDS } from '@gantry/oci';
import {
  blobPath,
  decodeRoot,
  decodeShard,
  indexPath,
  manifestPath,
  namedByPart,
  type NamedObjects,
  namedByRepository,
  readDocumentBytes,
  readStatement,
  type Statement,
} from '@gantry/tree';
import { isLostDocument } from '../../publish/mendable-view.ts';
import type { PublishContext } from '../../publish/published-tree.ts';
import { Rest } from '../rest.ts';
import { PathSet } from './path-set.ts';
import { retainedSnapshots } from './retained-snapshots.ts';

const SHARDS_AT_ONCE = 4;
const REPOSITORIES_AT_ONCE = 8;

/** A repository as the current snapshot has it, in which manifests are no longer tagged. */
export interface UntaggedRepository {
  /** The published name. */
  readonly name: string;
  readonly channel: string;
  readonly document: Digest;
  /** The earliest. */
  readonly untagged: string;
}

/**
 * What the retained snapshots of a tree reach. Documents are named by their content, so each is read once, however many
 * snapshots share it: all of them cost little more than one.
 */
export class TreeMark {
  readonly #context: Pick<PublishContext, 'flow' | 'tree'>;
  readonly #paths = new PathSet();
  readonly #untagged: UntaggedRepository[] = [];
  readonly #givenUp = new Set<number>();
  /** Documents that are not there, and not in the pool. */
  readonly #lost = new Set<string>();
  readonly #onObjects: (objects: number) => void;
  #newest: Statement | undefined;
  #oldest: Statement | undefined;
  #count = 0;

  private constructor(context: Pick<PublishContext, 'flow' | 'tree'>, onObjects: (objects: number) => void) {
    this.#context = context;
    this.#onObjects = onObjects;
  }

  /**
   * Marks all that retained snapshots reach now. Nothing is written, and no lease is needed.
   * @throws Fault UNAVAILABLE, with the document's path in its details, for one of a retained snapshot that is in the pool
   * and is missing or damaged: without it nobody can tell what it reaches
   */
  static async take(
    context: Pick<PublishContext, 'flow' | 'tree'>,
    {
      signal,
      onObjects = () => undefined,
    }: { readonly signal?: AbortSignal; readonly onObjects?: (objects: number) => void } = {},
  ): Promise<TreeMark> {
    const { flow, tree } = context;
    const mark = new TreeMark(context, onObjects);
    const rest = new Rest();
    for (const statement of await retainedSnapshots(tree.target.source, tree.retention, flow.now())) {
      signal?.throwIfAborted();
      await mark.#snapshot(statement, mark.#newest === undefined, { signal, rest });
      mark.#newest ??= statement;
      if (mark.#givenUp.has(statement.serial)) continue;
      mark.#oldest = statement;
      mark.#count++;
    }
    return mark;
  }

  /** The retained snapshots; null while nothing is published. */
  get retained(): { readonly from: number; readonly to: number; readonly count: number } | null {
    if (this.#newest === undefined || this.#oldest === undefined) return null;
    return { from: this.#oldest.serial, to: this.#newest.serial, count: this.#count };
  }

  /** Serials that are retained by the rules of now, but were collected in part by those of then. */
  get givenUp(): ReadonlySet<number> {
    return this.#givenUp;
  }

  /** Repositories of the snapshot that was current at first. */
  get untagged(): readonly UntaggedRepository[] {
    return this.#untagged;
  }

  /** How many objects are reached. */
  get size(): number {
    return this.#paths.size;
  }

  /** @param path of the pool */
  reaches(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Whether a digest is reached, as a blob or as a manifest. */
  names(digest: Digest): boolean {
    if (this.reaches(blobPath(digest))) return true;
    return MANIFEST_KINDS.some((kind) => this.reaches(manifestPath(kind, digest)));
  }

  /** Marks also what came with the serials since, up to `current`: that costs what they have changed. */
  async follow(current: Statement): Promise<void> {
    const { source } = this.#context.tree.target;
    const fresh: Statement[] = [];
    for (let next: Statement | undefined = current; next !== undefined;) {
      if (next.serial <= (this.#newest?.serial ?? 0)) break;
      fresh.push(next);
      next =
        next.previous === null ? undefined : (await readStatement(source, next.previous.serial))?.statement;
    }
    for (const statement of fresh.toReversed()) {
      await this.#snapshot(statement, true);
      this.#newest = statement;
      this.#oldest ??= statement;
      this.#count++;
    }
  }

  /** @param mustBeWhole also where the pool has a document no more */
  async #snapshot(
    statement: Statement,
    mustBeWhole: boolean,
    { signal, rest }: Pick<Walk, 'signal' | 'rest'> = {},
  ): Promise<void> {
    const walk: Walk = { statement, mustBeWhole, isFirst: this.#newest === undefined, signal, rest };
    const { serial, root } = statement;
    await this.#document(walk, root, async (bytes) => {
      const { shards } = decodeRoot(bytes, `the root of serial ${serial}`);
      await forEachConcurrently(shards.values(), SHARDS_AT_ONCE, (shard) => this.#shard(walk, shard));
    });
  }

  async #shard(walk: Walk, digest: Digest): Promise<void> {
    await this.#document(walk, digest, async (bytes) => {
      const { repositories } = decodeShard(bytes, `the shard ${indexPath(digest)}`);
      await forEachConcurrently(repositories.values(), REPOSITORIES_AT_ONCE, (document) =>
        this.#repository(walk, document),
      );
    });
  }

  async #repository(walk: Walk, document: Digest): Promise<void> {
    walk.signal?.throwIfAborted();
    await this.#document(walk, document, async (bytes) => {
      const named = namedByRepository(bytes, `the document ${indexPath(document)}`);
      const all: NamedObjects[] = [named];
      for (const { kind, digest } of named.parts) {
        await this.#document(walk, digest, (part) => {
          all.push(namedByPart(kind, part, `the part ${indexPath(digest)}`));
        });
      }
      for (const { paths } of all) for (const path of paths) this.#paths.add(path);
      this.#onObjects(this.size);
      const untagged = all.flatMap((one) => one.untagged ?? []).toSorted()[0];
      if (!walk.isFirst || untagged === undefined) return;
      this.#untagged.push({ name: named.name, channel: named.channel, document, untagged });
    });
  }

  /** Reads a document that was not read before, or was lost then. */
  async #document(
    { statement: { serial }, mustBeWhole, rest }: Walk,
    digest: Digest,
    read: (bytes: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const { flow, tree } = this.#context;
    const path = indexPath(digest);
    if (!this.#paths.add(path) && !this.#lost.delete(path)) return;
    await rest?.between();
    let bytes: Uint8Array;
    try {
      bytes = await readDocumentBytes(tree.target.source, digest);
    } catch (error) {
      if (!isLostDocument(error)) throw error;
      const isInPool = (await flow.catalog.pool.getAll(tree.name, [path])).has(path);
      if (isInPool || mustBeWhole) {
        throw new Fault(
          error.code,
          `serial ${serial} is not whole: ${error.message}`,
          { ...error.details, serial },
          { cause: error },
        );
      }
      this.#lost.add(path);
      this.#givenUp.add(serial);
      return;
    }
    await read(bytes);
  }
}

/** One snapshot on its way. */
interface Walk {
  readonly statement: Statement;
  readonly mustBeWhole: boolean;
  /** Whether it is the one that is current. */
  readonly isFirst: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Absent: it is done as fast as it can be, as under a lease that others wait for. */
  readonly rest?: Rest | undefined;
}
