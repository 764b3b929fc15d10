import { openTree, readStatement, type SigningKey, type TreeView } from '@gantry/tree';
import type { Channel, Flow, Log } from '../context.ts';
import { isLostDocument, MendableView } from './mendable-view.ts';
import type { TreeTarget } from './tree-target.ts';

/** A tree that is published to, and by which rules. */
export interface PublishedTree {
  /** In the configuration and the catalog; `main` for the one that `tree` describes. */
  readonly name: string;
  readonly target: TreeTarget;
  /** Those that stand in this tree; with the main tree's also those that are kept out of all. */
  readonly channels: readonly Channel[];
  /** The other trees, whose channels and promotions are not this one's; absent: there is none. */
  readonly others?: readonly Pick<PublishedTree, 'name' | 'channels'>[];
  /** How long manifests stay that no tag reaches any more. */
  readonly keepUntaggedMs: number;
  /** What of its history stays whole. */
  readonly retention: Retention;
  /** A statement older than this is made anew, with the same root. */
  readonly refreshMs: number;
  /** Keys that sign every statement; empty: none does; absent: none does either, and a tree that was signed is left alone. */
  readonly signing?: readonly SigningKey[];
  /** From how many entries on a map of a document is split, for tests; absent: as the tree's format says. */
  readonly maxMapEntries?: number;
  /** From how many objects on what is composed is put before more is, for tests; absent: 20,000. */
  readonly maxPartObjects?: number;
  /** Waits until a serial is served, before its promotions are called done. */
  readonly served?: (serial: number) => Promise<void>;
}

/** Which snapshots of a tree stay pullable, and how long what none of them reaches lies there still. */
export interface Retention {
  /** What leaves the pool has been reached by no retained snapshot for at least so long. */
  readonly graceMs: number;
  /** So many of the newest serials are retained, */
  readonly keepSnapshots: number;
  /** and all that are younger than this. */
  readonly keepSnapshotsForMs: number;
}

/** What is retained unless it is said: 50 snapshots and those of 30 days, 7 days of grace. */
export const RETENTION: Retention = {
  graceMs: 7 * 86_400_000,
  keepSnapshots: 50,
  keepSnapshotsForMs: 30 * 86_400_000,
};

/** The lease that whoever publishes a tree holds. */
export function publishLease({ name }: Pick<PublishedTree, 'name'>): string {
  return `publish:${name}`;
}

/** How long a statement holds; readers are alarmed past it. */
export const STATEMENT_VALID_MS = 7 * 86_400_000;

/** The publisher's own reader of the tree: what has not changed since the last time is not read again. */
export class TreeState {
  readonly #tree: PublishedTree;
  #view: TreeView | undefined;

  constructor(tree: PublishedTree) {
    this.#tree = tree;
  }

  /** The tree as its pointer says now, also when its root document is lost; undefined before the first publication. */
  async read(log: Log): Promise<TreeView | undefined> {
    const { source } = this.#tree.target;
    try {
      this.#view = await openTree(source, this.#view === undefined ? {} : { previous: this.#view });
      return this.#view;
    } catch (error) {
      const stated = isLostDocument(error) ? await readStatement(source) : undefined;
      if (stated === undefined) throw error;
      log.warn({ err: error, serial: stated.statement.serial }, 'publication.document_lost');
      return new MendableView(stated, undefined, log);
    }
  }
}

/** Everything a step of the publisher needs. */
export interface PublishContext {
  readonly flow: Flow;
  readonly tree: PublishedTree;
  readonly state: TreeState;
}

/** A repository's published name in a channel. */
export function publishedName(channel: Channel, repository: string): string {
  return `${channel.prefix}${repository}`;
}
