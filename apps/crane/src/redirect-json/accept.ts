import { MANIFEST_MEDIA_TYPES } from '@gantry/oci';

/** What a client says that it takes, as far as redirect files tell manifests apart. */
export interface Accepted {
  readonly lists: boolean;
  readonly schema2: boolean;
}

/**
 * Reads an Accept header as Pulp's Crane does: types are compared as they are, their parameters and wildcards are not
 * looked at. So nothing, `*` + `/*` and types of OCI alone mean a client of the first days, which knows schema 1 only.
 * Several header lines come joined by commas.
 */
export function readAccept(header: string | undefined): Accepted {
  if (header === undefined) return NEITHER;
  let [lists, schema2] = [false, false];
  for (const range of header.split(',')) {
    const semicolon = range.indexOf(';');
    const type = (semicolon < 0 ? range : range.slice(0, semicolon)).trim();
    if (type === MANIFEST_MEDIA_TYPES['docker-list']) lists = true;
    else if (type === MANIFEST_MEDIA_TYPES['docker-manifest']) schema2 = true;
  }
  return { lists, schema2 };
}

const NEITHER: Accepted = { lists: false, schema2: false };
