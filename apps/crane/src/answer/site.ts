import type { MirrorState } from '../choose/mirror.ts';

/** What stands for all requests until a mirror changes. */
export interface Site {
  readonly mirrors: readonly MirrorState[];
  readonly manifests: 'redirect' | 'serve' | 'auto';
  readonly status: 302 | 307;
  /** No mirror is configured and the tree is a directory: blobs are served from it. */
  readonly servesBlobs: boolean;
  /** The same for what is private: no mirror checks signed URLs, and the tree is a directory. */
  readonly servesPrivateBlobs?: boolean;
  /** The hosts that redirect files lead to; absent: there are no such files. */
  readonly redirectFileHosts?: () => readonly string[];
  /** Makes a URL of a mirror that checks signatures one that leads to the file; absent: none does. */
  readonly signUrl?: (base: string, path: string) => string;
}
