import type { Catalog } from './catalog.ts';
import { sqliteAudit } from './sqlite/audit.ts';
import { sqliteCandidates } from './sqlite/candidates.ts';
import { sqliteChannels } from './sqlite/channels.ts';
import { sqliteConfirmations } from './sqlite/confirmations.ts';
import type { Database } from './sqlite/database.ts';
import { sqliteGarbage } from './sqlite/garbage.ts';
import { sqliteLeases } from './sqlite/leases.ts';
import { sqliteManifests } from './sqlite/manifests.ts';
import { sqliteModes } from './sqlite/modes.ts';
import { openDatabase } from './sqlite/open-database.ts';
import { sqliteOutbox } from './sqlite/outbox.ts';
import { sqlitePlans } from './sqlite/plans.ts';
import { sqlitePool } from './sqlite/pool.ts';
import { sqlitePromotions } from './sqlite/promotions.ts';
import { sqlitePublications } from './sqlite/publications.ts';
import { sqlitePurges } from './sqlite/purges.ts';
import { sqliteReports } from './sqlite/reports.ts';
import { sqliteResults } from './sqlite/results.ts';
import { sqliteRetractions } from './sqlite/retractions.ts';
import { sqliteFailures } from './sqlite/sync-failures.ts';
import { sqliteTasks } from './sqlite/tasks.ts';
import { sqliteTokens } from './sqlite/tokens.ts';
import { sqliteWaivers } from './sqlite/waivers.ts';
import { sqliteWorkers } from './sqlite/workers.ts';

/**
 * Opens the catalog in an SQLite file, which is made (mode 0600, its folders 0700) or migrated to the newest schema
 * first. Several processes of one machine may have it open. What a call has acknowledged survives a loss of power.
 * @throws Fault CONFIGURATION_INVALID for a file that can't be used; UNAVAILABLE when another process keeps it locked;
 * STORAGE_FULL
 */
export async function openSqliteCatalog(configuration: { readonly file: string }): Promise<Catalog> {
  return openDatabase(configuration.file, catalogIn);
}

/** The catalog in an open database. All statements are prepared here, so a damaged schema shows at once. */
export function catalogIn(database: Database): Catalog {
  return {
    manifests: sqliteManifests(database),
    candidates: sqliteCandidates(database),
    failures: sqliteFailures(database),
    channels: sqliteChannels(database),
    plans: sqlitePlans(database),
    promotions: sqlitePromotions(database),
    retractions: sqliteRetractions(database),
    results: sqliteResults(database),
    reports: sqliteReports(database),
    waivers: sqliteWaivers(database),
    publications: sqlitePublications(database),
    confirmations: sqliteConfirmations(database),
    pool: sqlitePool(database),
    garbage: sqliteGarbage(database),
    tasks: sqliteTasks(database),
    leases: sqliteLeases(database),
    workers: sqliteWorkers(database),
    tokens: sqliteTokens(database),
    audit: sqliteAudit(database),
    modes: sqliteModes(database),
    purges: sqlitePurges(database),
    outbox: sqliteOutbox(database),
    [Symbol.asyncDispose]: () => database.close(),
  };
}
