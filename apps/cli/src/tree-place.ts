import path from 'node:path';
import { Fault } from '@gantry/oci';
import {
  directoryTree,
  httpTree,
  openTree,
  type OpenTreeOptions,
  type TreeSource,
  type TreeView,
} from '@gantry/tree';

/** Whether a word of the command line names a tree, and not a channel or a serial: an address, or something with a `/`. */
export function isTreePlace(word: string): boolean {
  return word.includes('/') || word === '.' || word === '..';
}

/** The tree at an http(s) address, or in a folder. */
export function treeAt(word: string, cwd: string, signal: AbortSignal): TreeSource {
  if (/^https?:\/\//i.test(word)) return httpTree(word, { signal });
  return directoryTree(path.resolve(cwd, word));
}

/** The state that a place holds. @throws Fault TREE_INVALID when it holds none; what openTree throws */
export async function openPublished(source: TreeSource, options: OpenTreeOptions = {}): Promise<TreeView> {
  const view = await openTree(source, options);
  if (view !== undefined) return view;
  throw new Fault('TREE_INVALID', `${source.name} holds no published tree: serial/current.json is absent`, {
    tree: source.name,
  });
}
