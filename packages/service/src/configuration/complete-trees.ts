import { completeConfirm } from './confirm.ts';
import { completePlace, type Resolve } from './complete-engines.ts';
import type { Configuration, TreeConfiguration } from './configuration.ts';
import { EMBEDDED_PLACES } from './engines.ts';
import type { ConfigurationFile } from './schema.ts';
import { completeLayouts } from './layouts.ts';
import type { FurtherTree } from './trees.ts';

/** The main tree as it is in force. */
export function completeMainTree(tree: ConfigurationFile['tree'], at: Resolve): TreeConfiguration {
  return {
    ...completeTree(tree, 'tree', EMBEDDED_PLACES.tree, at),
    confirm: completeConfirm(tree.confirm),
  };
}

/** The further trees as they are in force, by their names. */
export function completeFurtherTrees(trees: ConfigurationFile['trees'], at: Resolve): Configuration['trees'] {
  return Object.fromEntries(
    Object.entries(trees).map(([name, tree]) => [
      name,
      completeTree(tree, `trees.${name}`, `./data/trees/${name}`, at),
    ]),
  );
}

/** @param root where the folder is that nobody named */
function completeTree(
  tree: ConfigurationFile['tree'] | FurtherTree,
  key: string,
  root: string,
  at: Resolve,
): TreeConfiguration {
  const { keepUntagged, refresh, grace, keepSnapshots, keepSnapshotsFor, signing, listen } = tree;
  const place = completePlace(tree, key, root, at);
  const layouts = completeLayouts(tree, 'filesystem' in place ? place.filesystem.root : undefined, at);
  return {
    ...place,
    keepUntaggedMs: Math.max(keepUntagged, grace), // pulls in flight have the grace whatever is configured
    refreshMs: refresh,
    retention: { graceMs: grace, keepSnapshots, keepSnapshotsForMs: keepSnapshotsFor },
    ...(layouts !== undefined && { layouts }),
    ...(signing !== undefined && { signing: { keyFiles: signing.keyFile.map(at) } }),
    ...(listen !== undefined && { listen }),
  };
}
