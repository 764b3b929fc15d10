import type { Catalog } from './catalog.ts';
import { tellEvents } from './tell-events.ts';

export * from './catalog.ts';
export * from './record-keys.ts';
export * from './records.ts';
export * from './replace-until-done.ts';

/** Where the catalog is kept, as `catalog` in the configuration. */
export type CatalogConfiguration = { sqlite: { file: string } };

/** Opens the catalog that the configuration names. The engine is loaded only then. @throws Fault CONFIGURATION_INVALID */
export async function openCatalog(configuration: CatalogConfiguration): Promise<Catalog> {
  const { openSqliteCatalog } = await import('./sqlite.ts');
  return tellEvents(await openSqliteCatalog(configuration.sqlite));
}
