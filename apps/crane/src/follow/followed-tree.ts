import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Fault, quote } from '@gantry/oci';
import type { TreePlace } from '@gantry/service';
import { directoryTree, httpTree, type TreeSource, type TreeView } from '@gantry/tree';
import type { CraneCounts } from '../monitoring.ts';
import { NO_TREE } from './no-tree.ts';
import type { CraneOptions } from '../options.ts';
import type { HighestSerial } from './serial-file.ts';
import { followTree, type TreeFollower } from './tree-follower.ts';
import { watchPointer } from './watch-pointer.ts';

/** How long a tree's server may be silent. */
const TREE_SILENCE_MS = 10_000;

/** The tree that a crane was told of, where it stands now, and how to get at its files. */
export interface FollowedTree {
  /** Absent: there is no tree. */
  readonly place: TreePlace | undefined;
  readonly source: TreeSource;
  readonly follower: TreeFollower;
  /** The serial that is served; undefined before the first. */
  readonly view: () => TreeView | undefined;
}

export interface FollowedTreeOptions extends Pick<
  CraneOptions,
  'tree' | 'trustedKeys' | 'serialFile' | 'logger'
> {
  readonly counts: CraneCounts;
  /** Bytes of documents that are kept, as they are encoded. */
  readonly cacheBytes: number;
  /** The highest serial that was served before, as another process remembers it. */
  readonly highest?: HighestSerial;
  readonly onSerial: (view: TreeView) => void;
  /** Aborted when nothing more is to be read. */
  readonly signal: AbortSignal;
}

/** @throws Fault CONFIGURATION_INVALID for a tree or serial file that can't be used */
export async function openFollowedTree(options: FollowedTreeOptions): Promise<FollowedTree> {
  const { counts, trustedKeys = [], serialFile, highest, cacheBytes, logger, onSerial, signal } = options;
  const place = options.tree === undefined ? undefined : placeOf(options.tree);
  if (place !== undefined) await refuseFile(place);
  const source = place === undefined ? NO_TREE : sourceOf(place, signal);
  const follower = await followTree(source, {
    cacheBytes,
    logger,
    failures: {
      refused: counts.refusedTrees,
      untrusted: counts.untrustedTrees,
      unreadable: counts.unreadableTrees,
    },
    trustedKeys,
    onSerial,
    ...(serialFile !== undefined && { serialFile }),
    ...(highest !== undefined && { highest }),
  });
  const view = () => (follower.current.state === 'following' ? follower.current.view : undefined);
  return { place, source, follower, view };
}

/** Calls `onChange` when a tree's pointer may have changed: a directory's is watched, an address's is asked each `pollMs`. */
export function followChanges(
  place: TreePlace | undefined,
  pollMs: number,
  onChange: () => void,
): Disposable | undefined {
  if (place === undefined) return undefined;
  if ('directory' in place) return watchPointer(place.directory, onChange);
  const timer = setInterval(onChange, pollMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A directory that is not there yet is waited for; a file would be for ever. */
async function refuseFile(place: TreePlace): Promise<void> {
  if (!('directory' in place)) return;
  const found = await stat(place.directory).catch(() => undefined);
  if (found?.isDirectory() !== false) return;
  throw new Fault('CONFIGURATION_INVALID', `crane.tree: ${quote(place.directory)} is no directory`, {
    key: 'crane.tree',
    path: place.directory,
  });
}

function sourceOf(place: TreePlace, signal: AbortSignal): TreeSource {
  return 'directory' in place
    ? directoryTree(place.directory)
    : httpTree(place.url, { timeoutMs: TREE_SILENCE_MS, signal });
}

/** A tree's place written as one text: an http(s) URL is told by its beginning, all else is a directory. */
export function placeOf(tree: string | TreePlace): TreePlace {
  if (typeof tree !== 'string') return tree;
  return /^https?:\/\//i.test(tree) ? { url: tree } : { directory: path.resolve(tree) };
}
