import type { BlobStore, StoreOptions } from './blob-store.ts';
import type { S3Configuration } from './s3/configuration.ts';

export * from './blob-removal.ts';
export * from './blob-store.ts';

/** Where blobs are kept, as `storage` in the configuration. */
export type StoreConfiguration = { filesystem: { root: string } } | { s3: S3Configuration };

/** Opens the store that the configuration names. Its engine is loaded only then. @throws Fault CONFIGURATION_INVALID */
export async function openStore(
  configuration: StoreConfiguration,
  options: StoreOptions = {},
): Promise<BlobStore> {
  if ('s3' in configuration) {
    const { openS3Store } = await import('./s3.ts');
    return openS3Store(configuration.s3, options);
  }
  const { openFilesystemStore } = await import('./filesystem.ts');
  return openFilesystemStore(configuration.filesystem);
}
