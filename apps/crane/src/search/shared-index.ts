import type { WordIndex } from './word-index.ts';

/** An index of a tree's repositories, and of names that are served beside it: a name is found as long as one of both has it. */
export interface SharedIndex {
  /** What is told of the tree. */
  readonly ofTree: Pick<WordIndex, 'put' | 'remove'>;
  /** Nothing is said of these but their names. */
  readonly further: { put(name: string): void; remove(name: string): void };
}

export function shareIndex(index: WordIndex): SharedIndex {
  const ofTree = new Set<string>();
  const further = new Set<string>();
  const putName = (name: string) => index.put({ name, title: '', description: '', more: '' });
  return {
    ofTree: {
      put(words) {
        ofTree.add(words.name);
        index.put(words);
      },
      remove(name) {
        ofTree.delete(name);
        if (further.has(name)) putName(name);
        else index.remove(name);
      },
    },
    further: {
      put(name) {
        further.add(name);
        if (!ofTree.has(name)) putName(name);
      },
      remove(name) {
        further.delete(name);
        if (!ofTree.has(name)) index.remove(name);
      },
    },
  };
}
