import type { Catalog } from './catalog.ts';
import { mongodbTokens } from './mongodb/access-tokens.ts';
import { mongodbAudit } from './mongodb/audit.ts';
import { mongodbCandidates } from './mongodb/candidates.ts';
import { mongodbChannels } from './mongodb/channels.ts';
import { mongodbConfirmations } from './mongodb/confirmations.ts';
import type { Database } from './mongodb/database.ts';
import { mongodbGarbage } from './mongodb/garbage.ts';
import { mongodbLeases } from './mongodb/leases.ts';
import { mongodbManifests } from './mongodb/manifests.ts';
import { mongodbModes } from './mongodb/modes.ts';
import { openDatabase } from './mongodb/open-database.ts';
import { mongodbOutbox } from './mongodb/outbox.ts';
import { mongodbPlans } from './mongodb/plans.ts';
import { mongodbPool } from './mongodb/pool.ts';
import { mongodbPromotions } from './mongodb/promotions.ts';
import { mongodbPublications } from './mongodb/publications.ts';
import { mongodbPurges } from './mongodb/purges.ts';
import { mongodbReports } from './mongodb/reports.ts';
import { mongodbResults } from './mongodb/results.ts';
import { mongodbRetractions } from './mongodb/retractions.ts';
import { mongodbFailures } from './mongodb/sync-failures.ts';
import { mongodbTasks } from './mongodb/tasks.ts';
import { mongodbWaivers } from './mongodb/waivers.ts';
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
    plans: mongodbPlans(database),
    promotions: mongodbPromotions(database),
    retractions: mongodbRetractions(database),
    results: mongodbResults(database),
    reports: mongodbReports(database),
    waivers: mongodbWaivers(database),
    publications: mongodbPublications(database),
    confirmations: mongodbConfirmations(database),
    pool: mongodbPool(database),
    garbage: mongodbGarbage(database),
    tasks: mongodbTasks(database),
    leases: mongodbLeases(database),
    workers: mongodbWorkers(database),
    tokens: mongodbTokens(database),
    audit: mongodbAudit(database),
    modes: mongodbModes(database),
    purges: mongodbPurges(database),
    outbox: mongodbOutbox(database),
    [Symbol.asyncDispose]: () => database.close(),
  };
}
