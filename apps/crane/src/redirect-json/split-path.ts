/** A path below `/v2/`, split as Pulp's Crane does. */
export interface SplitPath {
  readonly name: string;
  readonly word: 'tags' | 'manifests' | 'blobs';
  /** What follows the word, in parts. */
  readonly rest: readonly string[];
}

/**
 * Splits a path at its rightmost part that is `tags`, `manifests` or `blobs`, with or without something after it
 * (crane/app_util.py, `validate_and_transform_repo_name`); undefined where there is none.
 */
export function splitPath(path: string): SplitPath | undefined {
  const parts = path.split('/');
  for (let at = parts.length - 1; at >= 0; at--) {
    const word = parts[at];
    if (word === 'tags' || word === 'manifests' || word === 'blobs')
      return { name: parts.slice(0, at).join('/'), word, rest: parts.slice(at + 1) };
  }
  return undefined;
}
