import type { Readable } from 'node:stream';

/**
 * Where a tree's bytes come from: a directory, or a mirror's URL. Paths are those of the tree, `/` between the parts,
 * without one in front. Each call throws a Fault UNAVAILABLE when the place itself does not answer, and TREE_INVALID for
 * a path that would lead out of the tree.
 */
export interface TreeSource {
  /** For messages: the directory, or the URL without credentials. */
  readonly name: string;
  /** All bytes of a file; undefined if it is absent. @throws Fault TREE_INVALID when it has more than `maxBytes` */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** A file's size in bytes; undefined if it is absent. For http also the Content-Type that it is served with, `''` if with none. */
  stat(path: string): Promise<{ size: number; contentType?: string } | undefined>;
  /** Streams a file, for its digest to be checked; undefined if it is absent. */
  open(path: string): Promise<Readable | undefined>;
  /**
   * All files below a folder of the tree (`''`: all of it), where the place can list them (a directory can, a web server
   * can not). `irregular` ones are no plain files: symbolic links, devices.
   */
  list?(folder: string): AsyncIterable<{ path: string; size: number; irregular?: true }>;
}
