import type { BlobStore } from './blob-store.ts';

export * from './blob-store.ts';

/** Where blobs are kept, as `storage` in the configuration. */
export type StoreConfiguration = { filesystem: { root: string } };

/** Opens the store that the configuration names. Its engine is loaded only then. @throws Fault CONFIGURATION_INVALID */
export async function openStore(configuration: StoreConfiguration): Promise<BlobStore> {
  const { openFilesystemStore } = await import('./filesystem.ts');
  return openFilesystemStore(configuration.filesystem);
}
