import type { Fault } from '@gantry/oci';
import type { BlobStore, StoreConfiguration } from '@gantry/store';
import { directoryTree, type ListingSource } from '@gantry/tree';
import { openFilesystemTarget } from './filesystem-target.ts';
import type { S3TargetOptions } from './s3-target.ts';
import type { TreeTarget } from './tree-target.ts';

/** Where a tree lies, as `tree` in the configuration: the same places as a store's. */
export type TreeConfiguration = StoreConfiguration;

/** What has a default that serves. */
export interface TreeTargetOptions {
  /** Told of what goes wrong beside the calls, and is nobody's failure: such as a right that tidying lacks. Must not throw. */
  readonly onTrouble?: (fault: Fault) => void;
  /** For tests. */
  readonly s3?: Omit<S3TargetOptions, 'onTrouble'>;
}

/**
 * Opens the tree that the configuration names, for writing. Its engine is loaded only then.
 * @param store that content is published from
 * @throws Fault CONFIGURATION_INVALID when the place can't be written to, or holds something that is no tree; UNAVAILABLE
 */
export async function openTreeTarget(
  configuration: TreeConfiguration,
  store: BlobStore,
  { onTrouble, s3 }: TreeTargetOptions = {},
): Promise<TreeTarget> {
  const told = onTrouble === undefined ? {} : { onTrouble };
  if ('filesystem' in configuration) return openFilesystemTarget(configuration.filesystem.root, store, told);
  const { openS3Target } = await import('./s3-target.ts');
  return openS3Target(configuration.s3, store, { ...s3, ...told });
}

/** Opens the tree that the configuration names, for reading alone. @throws Fault CONFIGURATION_INVALID */
export async function openTreeSource(configuration: TreeConfiguration): Promise<ListingSource> {
  if ('filesystem' in configuration) return directoryTree(configuration.filesystem.root);
  const { openS3Tree } = await import('./s3-tree-source.ts');
  return openS3Tree(configuration.s3);
}
