import path from 'node:path';
import { Fault, quote } from '@gantry/oci';
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

const PLACES = 'it is a folder or an address with http:// or https://, for some commands s3://BUCKET/PREFIX';

/** The tree at an http(s) address, or in a folder. @throws Fault REQUEST_INVALID for nothing, and any other address */
export function treeAt(word: string, cwd: string, signal: AbortSignal): TreeSource {
  if (/^https?:\/\//i.test(word)) return httpTree(word, { signal });
  if (word !== '' && !/^[a-z][a-z0-9+.-]*:\/\//i.test(word)) return directoryTree(path.resolve(cwd, word));
  const shown = word.replace(/:\/\/.*$/s, '://…'); // a password may follow
  throw new Fault('REQUEST_INVALID', `${quote(shown)} is no place of a tree: ${PLACES}`);
}

/** The state that a place holds. @throws Fault TREE_INVALID when it holds none; what openTree throws */
export async function openPublished(source: TreeSource, options: OpenTreeOptions = {}): Promise<TreeView> {
  const view = await openTree(source, options);
  if (view !== undefined) return view;
  throw new Fault('TREE_INVALID', `${source.name} holds no published tree: serial/current.json is absent`, {
    tree: source.name,
  });
}
