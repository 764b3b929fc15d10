import type { Accepted } from './accept.ts';
import type { KnownManifests } from './redirect-file.ts';

/** Where a manifest lies below the `url` of its repository. */
export interface ManifestPlace {
  /** The folder in `manifests`; absent: there are none, as in files of version 2. */
  readonly folder?: '1' | '2' | 'list';
  /** A tag or a digest. */
  readonly id: string;
}

/**
 * Where a tag or digest is to be asked for, by the rules of Pulp's Crane (crane/views/v2.py, `name_serve_or_redirect`).
 * What is not known goes to the folder of schema 1, of which the files say nothing.
 * @param known absent: the file is of version 2
 */
export function resolveManifest(
  known: KnownManifests | undefined,
  id: string,
  accepted: Accepted,
): ManifestPlace {
  if (known === undefined) return { id };
  const { schema2, lists, amd64 } = known;
  if (schema2.size === 0 && lists.size === 0) return { folder: '1', id };
  if (accepted.lists && lists.has(id)) return { folder: 'list', id };
  const image = amd64.get(id);
  if (image !== undefined) {
    if (accepted.schema2) return { folder: `${image.version}`, id: image.digest };
    return { folder: '1', id: image.version === 1 ? image.digest : id };
  }
  if (accepted.schema2 && schema2.has(id)) return { folder: '2', id };
  return { folder: '1', id };
}

/** The same for a digest whose kind the file tells: it has one type, whatever the client says that it takes. */
export function resolveDigest(
  known: KnownManifests | undefined,
  digest: string,
  accepted: Accepted,
): ManifestPlace {
  if (known?.lists.has(digest) === true) return { folder: 'list', id: digest };
  if (known?.schema2.has(digest) === true) return { folder: '2', id: digest };
  return resolveManifest(known, digest, accepted);
}

/** Its path below the `url` of the repository. */
export function manifestPathOf({ folder, id }: ManifestPlace): string {
  return folder === undefined ? `manifests/${id}` : `manifests/${folder}/${id}`;
}
