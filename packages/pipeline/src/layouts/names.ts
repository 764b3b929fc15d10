/**
 * What stands in the same folder with the repositories below it: `a/manifests` may be a repository, and `manifests` a
 * folder of the repository `a`. Where that can be, the longer name has no place in the layout.
 * @param reserved names of folders and files that a repository has
 */
export function clashes(repository: string, reserved: readonly string[]): boolean {
  return repository.split('/').some((part, index) => index > 0 && reserved.includes(part));
}

/** The repository of `<name>/<reserved>`, and of all that lies below it; undefined for a path without one. */
export function repositoryBefore(path: string, reserved: readonly string[]): string | undefined {
  const parts = path.split('/');
  const at = parts.findIndex((part, index) => index > 0 && reserved.includes(part));
  return at < 0 ? undefined : parts.slice(0, at).join('/');
}
