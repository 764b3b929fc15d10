import { asFault, type Digest, Fault } from '@gantry/oci';
import {
  indexPath,
  type RepositoryDocument,
  type ShardDocument,
  type StatedSerial,
  type TreeView,
} from '@gantry/tree';
import type { Log } from '../context.ts';

/**
 * A tree's state that is to be composed anew: a document that is missing, or is not what its digest says, stands for
 * nothing, so that it is put back. What only that document knew, as which images no tag had reached any more, is lost.
 */
export class MendableView implements TreeView {
  readonly statement: TreeView['statement'];
  readonly digest: Digest;
  readonly shards: TreeView['shards'];
  /** Paths of the documents that were found lost so far. */
  readonly lost: ReadonlySet<string>;
  readonly #lost: Set<string>;
  readonly #view: TreeView | undefined;
  readonly #log: Log;

  /** @param view undefined: the root itself is lost */
  constructor(stated: StatedSerial, view: TreeView | undefined, log: Log) {
    this.statement = stated.statement;
    this.digest = stated.digest;
    this.shards = view?.shards ?? new Map();
    this.#view = view;
    this.#log = log;
    this.#lost = new Set(view === undefined ? [indexPath(stated.statement.root)] : []);
    this.lost = this.#lost;
  }

  get isRootLost(): boolean {
    return this.#view === undefined;
  }

  /** Whether the shard can be read, or there is none of that key. */
  async isWhole(key: string): Promise<boolean> {
    return !this.shards.has(key) || (await this.shard(key)).repositories.size > 0;
  }

  async shard(key: string): Promise<ShardDocument> {
    return (await this.#unlessLost(this.#view?.shard(key))) ?? { repositories: new Map() };
  }

  async repositoryDigest(name: string): Promise<Digest | undefined> {
    return this.#unlessLost(this.#view?.repositoryDigest(name));
  }

  async repository(name: string): Promise<RepositoryDocument | undefined> {
    if ((await this.repositoryDigest(name)) === undefined) return undefined;
    return this.#unlessLost(this.#view?.repository(name));
  }

  repositories(): AsyncIterable<{ name: string; digest: Digest }> {
    return this.#whole().repositories();
  }

  async document(digest: Digest): Promise<Uint8Array> {
    try {
      return await this.#whole().document(digest);
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  async #unlessLost<T>(reading: Promise<T> | undefined): Promise<T | undefined> {
    try {
      return await reading;
    } catch (error) {
      if (!this.#note(error)) throw error;
      this.#log.warn({ err: asFault(error), serial: this.statement.serial }, 'publication.document_lost');
      return undefined;
    }
  }

  #note(error: unknown): error is Fault {
    if (!isLostDocument(error)) return false;
    this.#lost.add(String(error.details['document']));
    return true;
  }

  #whole(): TreeView {
    if (this.#view !== undefined) return this.#view;
    const { serial, root } = this.statement;
    throw new Fault('UNAVAILABLE', `the root document ${root} of serial ${serial} is lost: publish first`);
  }
}

/** Whether it says that a document is missing or damaged, and not that its place does not answer. */
export function isLostDocument(error: unknown): error is Fault {
  return error instanceof Fault && error.code === 'UNAVAILABLE' && error.details['document'] !== undefined;
}
