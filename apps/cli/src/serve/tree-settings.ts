import { findTree, MAIN_TREE } from '@gantry/pipeline';
import type { Configuration, TreeConfiguration } from '@gantry/service';

/** A tree as it is configured, by its name. @throws Fault TREE_UNKNOWN */
export function treeSettings(
  { tree, trees }: Pick<Configuration, 'tree' | 'trees'>,
  name: string,
): TreeConfiguration {
  const all = [{ name: MAIN_TREE, settings: tree }];
  for (const [further, settings] of Object.entries(trees)) all.push({ name: further, settings });
  return findTree(name, all).settings;
}

/** Where a tree stands in the configuration: `tree`, or `trees.NAME`. */
export function treeKey(name: string): string {
  return name === MAIN_TREE ? 'tree' : `trees.${name}`;
}
