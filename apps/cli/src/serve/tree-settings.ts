import { Fault, quote } from '@gantry/oci';
import { type Configuration, MAIN_TREE, type TreeConfiguration } from '@gantry/service';

/** A tree as it is configured, by its name. @throws Fault TREE_UNKNOWN, naming those there are */
export function treeSettings(
  { tree, trees }: Pick<Configuration, 'tree' | 'trees'>,
  name: string,
): TreeConfiguration {
  const named = name === MAIN_TREE ? tree : Object.hasOwn(trees, name) ? trees[name] : undefined;
  if (named !== undefined) return named;
  const known = [MAIN_TREE, ...Object.keys(trees)].join(', ');
  throw new Fault(
    'TREE_UNKNOWN',
    `there is no tree ${quote(name)} in the configuration: there are ${known}`,
    {
      tree: name,
    },
  );
}

/** Where a tree stands in the configuration: `tree`, or `trees.NAME`. */
export function treeKey(name: string): string {
  return name === MAIN_TREE ? 'tree' : `trees.${name}`;
}
