/** A place in a tree of paths, word by word. */
export interface PathNode {
  /** Whether a path ends here: all below it is covered. */
  ends: boolean;
  readonly next: Map<string, PathNode[]>;
}

export function newPathNode(): PathNode {
  return { ends: false, next: new Map() };
}

/** The words of a path, between its slashes. */
export function wordsOf(path: string): string[] {
  return path.split('/').filter((word) => word !== '' && word !== '.');
}

/** Adds a path to the tree below `root`; one without words covers nothing. */
export function addPath(root: PathNode, path: string): void {
  const words = wordsOf(path);
  let node = root;
  for (const word of words) {
    const following = newPathNode();
    node.next.getOrInsertComputed(word, () => []).push(following);
    node = following;
  }
  if (words.length > 0) node.ends = true;
}

/**
 * Whether a path is one of the tree, or lies below one, by whole words: a word that begins with `$`, as `$releasever`, and
 * `*` stand for any one.
 */
export function coversPath(root: PathNode, path: string): boolean {
  const words = wordsOf(path);
  if (words.includes('..')) return false;
  let nodes = new Set([root]);
  for (const word of words) {
    const following = new Set<PathNode>();
    for (const node of nodes) {
      for (const [known, next] of node.next) {
        if (known !== word && known !== '*' && !known.startsWith('$')) continue;
        for (const one of next) following.add(one);
      }
    }
    for (const node of following) if (node.ends) return true;
    nodes = following;
  }
  return false;
}
