import type { BlobStore } from '@gantry/store';
import type { TreeTarget } from '../tree-target.ts';

/** An empty tree for one test. */
export interface OpenedTarget extends AsyncDisposable {
  readonly target: TreeTarget;
  /** What the tree's content comes from. */
  readonly store: BlobStore;
  /** The same tree as another process opens it: another publisher, or the next start. */
  readonly another: () => Promise<TreeTarget>;
  /** Puts other bytes where a file is, past the target, as damage from outside does. */
  readonly damage: (path: string, bytes: Uint8Array) => Promise<void>;
  /** Leaves behind what a publisher does that is killed in the midst of a write. */
  readonly leaveBehind: () => Promise<void>;
  /** How much of that is there. */
  readonly leftBehind: () => Promise<number>;
}
