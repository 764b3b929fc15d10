import type { Readable } from 'node:stream';
import type { MirrorClient } from './mirror-client.ts';

/** What is known of a file without reading it. */
export interface FileStat {
  readonly size: number;
  /** As it is served, `''` if with none; absent where nothing is served: in a directory. */
  readonly contentType?: string;
  /** As they are served, where they are. */
  readonly contentEncoding?: string;
  readonly cacheControl?: string;
}

/** Gives memory of so many bytes, of any content. */
export type Allocate = (sizeBytes: number) => Uint8Array;

/**
 * Where a tree's bytes come from: a directory, or a mirror's URL. Paths are those of the tree, `/` between the parts,
 * without one in front. Each call throws a Fault UNAVAILABLE when the place itself does not answer, and TREE_INVALID for
 * a path that would lead out of the tree.
 */
export interface TreeSource {
  /** For messages: the directory, or the URL without credentials. */
  readonly name: string;
  /**
   * All bytes of a file; undefined if it is absent.
   * @param allocate gives the memory that they are put in; a new Buffer if absent
   * @throws Fault TREE_INVALID when it has more than `maxBytes`
   */
  read(path: string, maxBytes: number, allocate?: Allocate): Promise<Uint8Array | undefined>;
  /** Undefined if it is absent. */
  stat(path: string): Promise<FileStat | undefined>;
  /** Streams a file, for its digest to be checked; undefined if it is absent. */
  open(path: string): Promise<Readable | undefined>;
  /**
   * All files below a folder of the tree (`''`: all of it), where the place can list them (a directory can, a web server
   * can not). `irregular` ones are no plain files: symbolic links, devices.
   */
  list?(folder: string): AsyncIterable<{ path: string; size: number; irregular?: true }>;
  /** Where the files lie, for what reads them by itself; only a directory has one. */
  readonly directory?: string;
  /** How clients see it, where it is a web server. */
  asClients?(signal: AbortSignal): MirrorClient;
}
