import path from 'node:path';
import { directoryTree, httpTree, type TreeSource } from '@gantry/tree';

/** Whether a word of the command line names a tree, and not a channel or a serial: an address, or something with a `/`. */
export function isTreePlace(word: string): boolean {
  return word.includes('/') || word === '.' || word === '..';
}

/** The tree at an http(s) address, or in a folder. */
export function treeAt(word: string, cwd: string, signal: AbortSignal): TreeSource {
  if (/^https?:\/\//i.test(word)) return httpTree(word, { signal });
  return directoryTree(path.resolve(cwd, word));
}
