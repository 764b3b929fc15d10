import { Fault } from '@gantry/oci';
import type { AuditEntry, Purge, ReadOnlyMode, TokenRecord } from './access.ts';
import type { Confirmation, MirrorState } from './confirmations.ts';
import type { Report, Result, Waiver } from './evidence.ts';
import type { CondemnedBlob } from './garbage.ts';
import type { Plan } from './plans.ts';
import type {
  Candidate,
  ChannelTag,
  Failure,
  ManifestRecord,
  OutboxEvent,
  PoolObject,
  Promotion,
  Publication,
  Task,
  Timestamp,
  Worker,
} from './records.ts';
import type { Retraction } from './retractions.ts';

/** What a catalog holds, noun by noun, in the order in which it is read and written as a whole. */
export const CATALOG_NOUNS = [
  'manifests',
  'candidates',
  'failures',
  'channels',
  'plans',
  'promotions',
  'retractions',
  'results',
  'reports',
  'waivers',
  'publications',
  'confirmations',
  'mirrors',
  'pool',
  'poolSerials',
  'garbage',
  'tasks',
  'leases',
  'tokens',
  'audit',
  'modes',
  'purges',
  'outbox',
] as const;
export type CatalogNoun = (typeof CATALOG_NOUNS)[number];

/** What people call what a catalog holds. */
export const CATALOG_NOUN_NAMES: Readonly<Record<CatalogNoun, string>> = {
  manifests: 'manifests',
  candidates: 'candidates',
  failures: 'failures to sync',
  channels: 'tags in channels',
  plans: 'plans',
  promotions: 'promotions',
  retractions: 'tags taken back',
  results: 'test results',
  reports: "scanners' reports",
  waivers: 'waivers',
  publications: 'publications',
  confirmations: 'confirmations of mirrors',
  mirrors: 'mirrors',
  pool: 'objects in the pool',
  poolSerials: 'serials of pools',
  garbage: 'condemned blobs',
  tasks: 'tasks',
  leases: 'leases and their fences',
  tokens: 'tokens',
  audit: 'entries of the audit log',
  modes: 'modes',
  purges: 'purges',
  outbox: 'events that wait',
};

export type CatalogCounts = Readonly<Record<CatalogNoun, number>>;

/** The records of each noun, as they stand in a dump. */
interface TransferRecords {
  readonly manifests: ManifestRecord;
  /** In the order of their newness: the last one of a tag is its newest. */
  readonly candidates: Candidate;
  readonly failures: Failure;
  readonly channels: ChannelTag;
  readonly plans: Plan;
  /** With their sequence and revision; by sequence. */
  readonly promotions: Promotion;
  readonly retractions: Retraction;
  /** In the order in which they were put. So are reports, waivers, tokens and purges. */
  readonly results: Result;
  readonly reports: Report;
  readonly waivers: Waiver;
  readonly publications: Publication;
  readonly confirmations: Confirmation;
  readonly mirrors: MirrorState;
  readonly pool: PoolObject & { readonly tree: string };
  /** The last serial that was applied to a tree's pool. */
  readonly poolSerials: { readonly tree: string; readonly serial: number };
  readonly garbage: CondemnedBlob;
  /** In the order in which they were made. */
  readonly tasks: Task;
  /** A lease's name, also of one that nobody holds: the next fence is higher than this one. Who holds it stays behind. */
  readonly leases: { readonly name: string; readonly fence: number };
  readonly tokens: TokenRecord;
  /** In the order of the log, with their hashes. */
  readonly audit: AuditEntry;
  readonly modes: ReadOnlyMode;
  readonly purges: Purge;
  /** An event that waits, and since when; the oldest first. */
  readonly outbox: { readonly event: OutboxEvent; readonly storedAt: Timestamp };
}

/** One thing that a catalog holds. Records stand in the order of `CATALOG_NOUNS`: an event comes after its record. */
export type CatalogEntry = {
  readonly [Noun in CatalogNoun]: { readonly noun: Noun; readonly record: TransferRecords[Noun] };
}[CatalogNoun];

/** A catalog as a whole, to be copied, filled and counted. For nothing else: the services use a `Catalog`. */
export interface CatalogTransfer extends AsyncDisposable {
  /** What it is, for people: a file, or an address without its password. */
  readonly name: string;
  /** Whether it was being filled by a call of `load` that did not come to its end. */
  isHalfFilled(): Promise<boolean>;
  /** How many of each noun it holds. */
  count(): Promise<CatalogCounts>;
  /** Those who work on it now. */
  workers(): Promise<readonly Worker[]>;
  /**
   * All that it holds, by the order of `CATALOG_NOUNS`, a part at a time. From SQLite it is the state of one moment,
   * whatever is written meanwhile; from MongoDB only while nobody writes.
   */
  dump(): AsyncIterable<CatalogEntry>;
  /**
   * Fills an empty catalog. A mark is set first and taken away last; while it is there, `openCatalog` refuses the
   * catalog. One that has the mark is emptied first: so a load that was cut off is simply made again.
   * @returns what the catalog holds then, counted in it
   * @throws Fault CONFLICT, naming what it holds, for one that is not empty; UNAVAILABLE when others use it; STORAGE_FULL
   */
  load(entries: AsyncIterable<CatalogEntry>, options?: LoadOptions): Promise<CatalogCounts>;
}

export interface LoadOptions {
  readonly signal?: AbortSignal;
  /** Told after each part that is durable, how many of each noun have come so far. */
  readonly onProgress?: (loaded: CatalogCounts) => void;
}

/** No record of any noun. */
export function emptyCounts(): Record<CatalogNoun, number> {
  return Object.fromEntries(CATALOG_NOUNS.map((noun) => [noun, 0])) as Record<CatalogNoun, number>;
}

/** `candidates (3), promotions (1)`: the nouns that there is something of. */
function describeCounts(counts: CatalogCounts): string {
  return CATALOG_NOUNS.filter((noun) => counts[noun] > 0)
    .map((noun) => `${CATALOG_NOUN_NAMES[noun]} (${counts[noun]})`)
    .join(', ');
}

/**
 * Refuses to fill a catalog that holds something. Leases do not count: a service that was started on an empty catalog
 * leaves some behind, and their fences only ever grow.
 * @throws Fault CONFLICT
 */
export function mustBeEmpty(name: string, counts: CatalogCounts): void {
  const held = describeCounts({ ...counts, leases: 0 });
  if (held === '') return;
  throw new Fault(
    'CONFLICT',
    `the catalog ${name} is not empty: it holds ${held}; name an empty one, as nothing is ever merged or overwritten`,
    { catalog: name },
  );
}

/** Holds what came into a catalog against what was sent. @throws Fault UNAVAILABLE */
export function mustHaveAll(name: string, sent: CatalogCounts, held: CatalogCounts): void {
  const wrong = CATALOG_NOUNS.find((noun) =>
    noun === 'leases' ? held[noun] < sent[noun] : held[noun] !== sent[noun],
  );
  if (wrong === undefined) return;
  throw new Fault(
    'UNAVAILABLE',
    `the catalog ${name} holds ${held[wrong]} ${CATALOG_NOUN_NAMES[wrong]} after ${sent[wrong]} were written: another process writes to it; stop that, and start again`,
    { catalog: name },
  );
}

/** A batch is written at once: so much is in memory at a time. */
const BATCH_WEIGHT = 500;

/** Entries of one noun together, some hundreds at a time, fewer where they are large. */
export async function* inBatches(
  entries: AsyncIterable<CatalogEntry>,
): AsyncGenerator<readonly [CatalogEntry, ...CatalogEntry[]]> {
  let batch: CatalogEntry[] = [];
  let weight = 0;
  for await (const entry of entries) {
    if (batch[0] !== undefined && (weight >= BATCH_WEIGHT || batch[0].noun !== entry.noun)) {
      yield batch as [CatalogEntry, ...CatalogEntry[]];
      batch = [];
      weight = 0;
    }
    batch.push(entry);
    weight += weightOf(entry);
  }
  if (batch.length > 0) yield batch as [CatalogEntry, ...CatalogEntry[]];
}

/** Records that may be far larger than most count for as many as they are like. */
function weightOf({ noun, record }: CatalogEntry): number {
  switch (noun) {
    case 'manifests':
      return 1 + (record.blobs.length + record.manifests.length) / 10;
    case 'plans':
    case 'promotions':
      return 1 + record.items.length;
    case 'reports':
      return 1 + record.findings.length / 10;
    case 'publications':
      return 1 + record.promotions.length / 10;
    case 'tasks':
      return 1 + record.errors.length;
    default:
      return 1;
  }
}
