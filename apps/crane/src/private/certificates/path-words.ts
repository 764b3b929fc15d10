/** A place in a tree of paths, word by word. */
export interface PathNode {
  /** Whether a path ends here: all below it is covered. */
  ends: boolean;
  /** Where each word leads to. */
  readonly next: Map<string, PathNode[]>;
  /** Where any word leads to. */
  readonly nextOfAny: PathNode[];
}

export function newPathNode(): PathNode {
  return { ends: false, next: new Map(), nextOfAny: [] };
}

/** Where a word of an entitlement leads to from a node: one that begins with `$`, as `$releasever`, and `*` stand for any. */
export function following(node: PathNode, word: string): PathNode[] {
  const isForAny = word === '*' || word.startsWith('$');
  return isForAny ? node.nextOfAny : node.next.getOrInsertComputed(word, () => []);
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
    const known = following(node, word);
    // Paths that begin alike share their nodes, so that many of them take no longer to look through than one.
    const next = known[0] ?? newPathNode();
    if (known.length === 0) known.push(next);
    node = next;
  }
  if (words.length > 0) node.ends = true;
}

/**
 * Whether a path is one of the tree, or lies below one, by whole words. It takes as long however many paths there are, as
 * what an entitlement does not cover must look like what is not there.
 */
export function coversPath(root: PathNode, path: string): boolean {
  const words = wordsOf(path);
  if (words.includes('..')) return false;
  let nodes = new Set([root]);
  for (const word of words) {
    const reached = new Set<PathNode>();
    for (const { next, nextOfAny } of nodes) {
      for (const one of next.get(word) ?? []) reached.add(one);
      for (const one of nextOfAny) reached.add(one);
    }
    for (const node of reached) if (node.ends) return true;
    nodes = reached;
  }
  return false;
}
