import { MANIFEST_KINDS, type ManifestKind } from '@gantry/oci';

/**
 * A folder a kind of manifest, in which each manifest stands once more: a web server takes it from there, so that the
 * Content-Type, which no name tells, is always that of the very file. No repository's name begins with a `_`.
 */
const KINDS_FOLDER = '_kinds';

/** Where a manifest of the layout stands once more. */
export function kindPath(kind: ManifestKind, path: string): string {
  return `${KINDS_FOLDER}/${kind}/${path}`;
}

/** The same path for each of the kinds. */
export function kindPaths(path: string): string[] {
  return MANIFEST_KINDS.map((kind) => kindPath(kind, path));
}

/** The path without the folders of kinds. */
export function withoutKind(path: string): string {
  const [first, , ...rest] = path.split('/');
  return first === KINDS_FOLDER ? rest.join('/') : path;
}
