import type { Catalog } from './catalog.ts';
import { mongodbCandidates } from './mongodb/candidates.ts';
import { mongodbChannels } from './mongodb/channels.ts';
import type { Database } from './mongodb/database.ts';
import { mongodbLeases } from './mongodb/leases.ts';
import { mongodbManifests } from './mongodb/manifests.ts';
import { openDatabase } from './mongodb/open-database.ts';
import { mongodbOutbox } from './mongodb/outbox.ts';
import { mongodbPool } from './mongodb/pool.ts';
import { mongodbPromotions } from './mongodb/promotions.ts';
import { mongodbPublications } from './mongodb/publications.ts';
import { mongodbFailures } from './mongodb/sync-failures.ts';
import { mongodbTasks } from './mongodb/tasks.ts';
import { mongodbWorkers } from './mongodb/workers.ts';

/**
 * Opens the catalog in a MongoDB database, which is made or migrated to the newest schema first. Any number of processes
 * on any number of machines may have it open. What a call has acknowledged is on a majority of the members.
 * @param configuration `url`: a connection string; the database it names, or `gantry`, is the catalog's alone
 * @throws Fault CONFIGURATION_INVALID for an address or a database that can't be used; UNAVAILABLE
 */
export async function openMongodbCatalog(configuration: { readonly url: string }): Promise<Catalog> {
  return openDatabase(configuration.url, catalogIn);
}

/** The catalog in an open database. */
export function catalogIn(database: Database): Catalog {
  return {
    manifests: mongodbManifests(database),
    candidates: mongodbCandidates(database),
    failures: mongodbFailures(database),
    channels: mongodbChannels(database),
    promotions: mongodbPromotions(database),
    publications: mongodbPublications(database),
    pool: mongodbPool(database),
    tasks: mongodbTasks(database),
    leases: mongodbLeases(database),
    workers: mongodbWorkers(database),
    outbox: mongodbOutbox(database),
    [Symbol.asyncDispose]: () => database.close(),
  };
}
