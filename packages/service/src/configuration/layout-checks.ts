import type { Configuration, TreeConfiguration } from './configuration.ts';
import type { Problem } from './problems.ts';
import { isWithin } from './tree-checks.ts';

/** A folder, and what it is called in messages. */
interface Folder {
  readonly name: string;
  readonly root: string;
}

/** Layouts of a tree that can have none, without what they need, or in a folder that is somebody else's. */
export function layoutProblems({ storage, tree, trees }: Configuration): Problem[] {
  const all: { key: readonly string[]; tree: TreeConfiguration }[] = [
    { key: ['tree'], tree },
    ...Object.entries(trees).map(([name, one]) => ({ key: ['trees', name], tree: one })),
  ];
  const taken: Folder[] = [
    ...('filesystem' in storage ? [{ name: 'storage.filesystem.root', root: storage.filesystem.root }] : []),
    ...all.flatMap(({ key, tree: one }) =>
      'filesystem' in one ? [{ name: `${key.join('.')}.filesystem.root`, root: one.filesystem.root }] : [],
    ),
  ];
  return all.flatMap(({ key, tree: one }): Problem[] => {
    if (one.layouts === undefined) return [];
    const at = (name: string) => ({ path: [...key, name], atKey: true });
    if ('s3' in one) {
      const message = `are made of hardlinks, and the tree is in ${key.join('.')}.s3: leave them out, or publish to a folder`;
      return [{ ...at('layouts'), message }];
    }
    const { root, url, layouts } = one.layouts;
    const other = taken.find((folder) => isWithin(root, folder.root) || isWithin(folder.root, root));
    taken.push({ name: `${key.join('.')}.layoutsRoot`, root });
    return [
      ...(layouts.includes('pulp') && url === undefined
        ? [
            {
              ...at('layouts'),
              message: `name pulp, which needs ${key.join('.')}.layoutsUrl: the address that its folder is served at`,
            },
          ]
        : []),
      ...(other === undefined
        ? []
        : [
            {
              path: [...key, 'layoutsRoot'],
              value: root,
              message: `and ${other.name}, ${other.root}, lie one in the other: layouts need a folder of their own`,
            },
          ]),
    ];
  });
}
