import type { Digest } from '@gantry/oci';
import type { RepositoryDocument } from '@gantry/tree';

/** What a file of a layout holds: an object of the tree, or bytes of the layout's own. */
export type LaidContent =
  | {
      /** Its path in the tree. */
      readonly pool: string;
      readonly digest: Digest;
      /** In bytes, where the tree says so. */
      readonly size?: number;
    }
  | { readonly bytes: Uint8Array };

export interface LaidFile {
  /** Within the layout's folder. */
  readonly path: string;
  readonly content: LaidContent;
}

/** What of a tree's objects a layout has to look into. */
export interface ObjectReader {
  /** The bytes of a manifest. */
  manifest(path: string, digest: Digest): Promise<Uint8Array>;
  /** The bytes of a document in `pool/index`. */
  document(digest: Digest): Promise<Uint8Array>;
}

/** Another order of the same files, for readers that know no Gantry tree. */
export interface Layout {
  /**
   * All files of a repository, in phases: each is there before the next begins. First blobs, then images, indexes, tags,
   * and last what names all of it.
   * @throws what `objects` throws
   */
  files(repository: RepositoryDocument, objects: ObjectReader): Promise<readonly (readonly LaidFile[])[]>;
  /** The folders and files that are a repository's alone, in the same order. */
  places(repository: string): readonly string[];
  /** Whose a folder or file is with all that lies in it; undefined if it is of no one repository. */
  repositoryOf(path: string): string | undefined;
  /** Whether a repository of this name does not get in the way of another one's files. */
  hasRoomFor(repository: string): boolean;
  /** Files that belong to no repository. */
  readonly ownFiles?: readonly LaidFile[];
}
