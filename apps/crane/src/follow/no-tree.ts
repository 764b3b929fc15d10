import type { TreeSource } from '@gantry/tree';

/** Of a crane without a tree: nothing is published, now or later. */
export const NO_TREE: TreeSource = {
  name: 'no tree',
  read: () => Promise.resolve(undefined),
  stat: () => Promise.resolve(undefined),
  open: () => Promise.resolve(undefined),
};
