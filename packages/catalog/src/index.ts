import { Fault } from '@gantry/oci';
import type { Catalog } from './catalog.ts';
import { tellEvents } from './tell-events.ts';
import type { CatalogTransfer } from './transfer.ts';

export * from './access.ts';
export * from './audit-chain.ts';
export * from './catalog.ts';
export * from './confirmations.ts';
export * from './evidence.ts';
export * from './garbage.ts';
export * from './plans.ts';
export * from './record-keys.ts';
export * from './records.ts';
export * from './replace-until-done.ts';
export * from './retractions.ts';
export * from './transfer.ts';

/** Where the catalog is kept, as `catalog` in the configuration. */
export type CatalogConfiguration = { sqlite: { file: string } } | { mongodb: { url: string } };

/** Opens the catalog that the configuration names. The engine is loaded only then. @throws Fault CONFIGURATION_INVALID */
export async function openCatalog(configuration: CatalogConfiguration): Promise<Catalog> {
  if ('mongodb' in configuration) {
    const { openMongodbCatalog } = await import('./mongodb.ts');
    return tellEvents(await openMongodbCatalog(configuration.mongodb));
  }
  const { openSqliteCatalog } = await import('./sqlite.ts');
  return tellEvents(await openSqliteCatalog(configuration.sqlite));
}

/**
 * Opens a catalog as a whole. Its engine is loaded only then.
 * @param as a `source` must be there, and whole; a `target` is made where it is absent, and may be half filled
 * @throws Fault CONFIGURATION_INVALID
 */
export async function openCatalogTransfer(
  configuration: CatalogConfiguration,
  as: 'source' | 'target',
): Promise<CatalogTransfer> {
  if ('mongodb' in configuration) {
    const { openMongodbTransfer } = await import('./mongodb/transfer.ts');
    return openMongodbTransfer(configuration.mongodb, as);
  }
  const { openSqliteTransfer } = await import('./sqlite/transfer.ts');
  return openSqliteTransfer(configuration.sqlite, as);
}

/**
 * Copies a catalog to a file while services work on it: whole, and of one moment.
 * @param file an SQLite file that is not there yet
 * @returns its size in bytes
 * @throws Fault UNSUPPORTED for a catalog in MongoDB; CONFIGURATION_INVALID; CONFLICT when the file is there; STORAGE_FULL
 */
export async function backupCatalog(configuration: CatalogConfiguration, file: string): Promise<number> {
  if ('mongodb' in configuration) {
    throw new Fault(
      'UNSUPPORTED',
      'a catalog in MongoDB has no backup of one moment by Gantry: use mongodump or snapshots, or stop the services and give `gantry catalog copy` a file as --to',
    );
  }
  const { backupSqlite } = await import('./sqlite/backup.ts');
  return backupSqlite(configuration.sqlite, file);
}
