import type { CondemnedBlob, Timestamp } from '@gantry/catalog';
import { type Digest, forEachConcurrently } from '@gantry/oci';
import type { BlobRemoval } from '@gantry/store';
import type { Flow } from '../../context.ts';
import { type HeldLease, withLeaseWaiting } from '../../hold-lease.ts';
import { Rest } from '../rest.ts';
import { COLLECTION_LEASE } from './bring-back.ts';
import { deleteGoing } from './delete-going.ts';
import { type MarkedStore, markStore } from './mark-store.ts';
import { NotedBlobs } from './noted-blobs.ts';
import { type RunningSync, runningSyncs } from './running-syncs.ts';
import {
  type BlobCount,
  type CollectStoreOptions,
  KEPT_FOR,
  type KeptFor,
  type StoreCollection,
} from './store-collection.ts';
import { reasonsOf } from './store-reasons.ts';

const BLOBS_AT_ONCE = 200;
const STATS_AT_ONCE = 16;
const MISSING_NAMED = 1000;

type Blob = Pick<CondemnedBlob, 'digest' | 'size'>;

/**
 * Frees what nothing reaches in the store: condemns it, and deletes it once it has been condemned for the grace, and a mark
 * that began later has not reached it either. All else goes on meanwhile; one collection at a time does.
 * @throws Fault LEASE_LOST; whatever store, catalog and trees throw; `signal`'s reason
 */
export async function collectStore(flow: Flow, options: CollectStoreOptions): Promise<StoreCollection> {
  if (options.dryRun === true) return new Collection(flow, options).run();
  const signal = options.signal;
  return withLeaseWaiting(
    flow,
    COLLECTION_LEASE,
    async (lease) => {
      await using removal = await flow.store.startRemoval(COLLECTION_LEASE, () => lease.confirm());
      return await new Collection(flow, options, { lease, removal }).run();
    },
    signal,
  );
}

/** What it takes to write. */
interface Means {
  readonly lease: HeldLease;
  readonly removal: BlobRemoval;
}

class Collection {
  readonly #flow: Flow;
  readonly #options: CollectStoreOptions;
  /** Absent: a dry run. */
  readonly #means: Means | undefined;
  readonly #kept = Object.fromEntries(KEPT_FOR.map((what) => [what, new Count()])) as Record<KeptFor, Count>;
  readonly #condemned = new Count();
  readonly #spared = new Count();
  readonly #freed = new Count();
  readonly #waiting = new Count();
  #oldestWaiting: Timestamp | undefined;
  readonly #looked = new Count();

  constructor(flow: Flow, options: CollectStoreOptions, means?: Means) {
    this.#flow = flow;
    this.#options = options;
    this.#means = means;
  }

  async run(): Promise<StoreCollection> {
    // Both before the marking: what is condemned later, and what a sync that runs now has met before, has to wait.
    const syncs = await runningSyncs(this.#flow);
    const before = this.#deletableBefore(syncs);
    const noted = await NotedBlobs.read(this.#flow.catalog);
    const marked = await markStore(this.#flow, this.#options);
    await this.#endFormer(marked);
    await this.#sweep(marked, noted, before);
    const missing = await this.#findMissing(marked);
    const nextAt =
      this.#oldestWaiting === undefined
        ? null
        : new Date(Date.parse(this.#oldestWaiting) + this.#options.graceMs).toISOString();
    const result = {
      kept: countsOf(this.#kept),
      candidates: { kept: marked.candidates.kept, givenUp: marked.candidates.givenUp },
      condemned: this.#condemned.read(),
      spared: this.#spared.read(),
      freed: this.#freed.read(),
      waiting: { ...this.#waiting.read(), nextAt },
      missing,
    };
    return { ...result, reasons: reasonsOf(result, marked.candidates, syncs, this.#options) };
  }

  /**
   * What a former collection was at when it was cut off. What is reached stays, as far as it is there still: the catalog may
   * have been restored from a backup that was made when it was going, and long since that was fetched anew.
   */
  async #endFormer(marked: MarkedStore): Promise<void> {
    if (this.#means === undefined) return;
    const { removal, lease } = this.#means;
    const { garbage } = this.#flow.catalog;
    for (;;) {
      this.#goOn();
      const { items } = await garbage.list({ state: 'going', limit: BLOBS_AT_ONCE });
      if (items.length === 0) return;
      const [reached, unreached] = [
        items.filter(({ digest }) => keptFor(marked, digest) !== undefined),
        items.filter(({ digest }) => keptFor(marked, digest) === undefined),
      ];
      await deleteGoing(this.#flow, removal, lease, digestsOf(unreached));
      await lease.confirm();
      await garbage.forget(digestsOf(reached));
      for (const blob of unreached) this.#freed.add(blob);
      for (const blob of reached) this.#spared.add(blob);
    }
  }

  /**
   * What was condemned then, or earlier, may go. A sync that runs must have begun when it was condemned for the whole grace:
   * so it has seen that, whatever the clocks say.
   */
  #deletableBefore(syncs: readonly RunningSync[]): Timestamp {
    const { graceMs } = this.#options;
    const since = syncs.map(({ startedAt }) => Date.parse(startedAt));
    return new Date(Math.min(this.#flow.now().getTime(), ...since) - graceMs).toISOString();
  }

  async #sweep(marked: MarkedStore, noted: NotedBlobs, before: Timestamp): Promise<void> {
    const [spared, condemned, gone] = [
      this.#batch((some) => this.#spare(some)),
      this.#batch((some) => this.#condemn(some)),
      this.#batch((some) => this.#delete(some, noted, before)),
    ];
    const look = async (blob: Blob, isThere: boolean) => {
      const what = keptFor(marked, blob.digest, isThere);
      const at = noted.take(blob.digest);
      if (what !== undefined) {
        if (at !== undefined) await spared.add(blob);
      } else if (at === undefined) await condemned.add(blob);
      else if (at <= before) await gone.add(blob);
      else this.#wait(blob, at);
      return what;
    };
    const rest = new Rest();
    for await (const blob of this.#flow.store.list()) {
      this.#goOn();
      await rest.between();
      const what = await look(blob, true);
      if (what !== undefined) this.#kept[what].add(blob);
      this.#looked.add(blob);
    }
    // What was taken out of the store by others, and is noted still.
    for (const digest of noted.left()) await look({ digest, size: 0 }, false);
    for (const batch of [spared, condemned, gone]) await batch.end();
  }

  async #spare(blobs: readonly Blob[]): Promise<void> {
    if (this.#means !== undefined) await this.#flow.catalog.garbage.spare(digestsOf(blobs));
    for (const blob of blobs) this.#spared.add(blob);
  }

  async #condemn(blobs: readonly Blob[]): Promise<void> {
    await this.#means?.lease.confirm(); // a mark that another has followed says nothing of now
    const at = this.#flow.now().toISOString();
    if (this.#means !== undefined) await this.#flow.catalog.garbage.condemn(blobs, at);
    for (const blob of blobs) {
      this.#condemned.add(blob);
      this.#wait(blob, at);
    }
  }

  async #delete(blobs: readonly Blob[], noted: NotedBlobs, before: Timestamp): Promise<void> {
    let going = blobs;
    if (this.#means !== undefined) {
      const { garbage } = this.#flow.catalog;
      // Those that were spared since, and condemned anew, are of another mark.
      const now = await garbage.getAll(digestsOf(blobs));
      const same = digestsOf(blobs).filter((digest) => now.get(digest)?.at === noted.at(digest));
      const { lease, removal } = this.#means;
      await lease.confirm();
      const claimed = new Set(await garbage.claim(same, before));
      going = blobs.filter(({ digest }) => claimed.has(digest));
      await deleteGoing(this.#flow, removal, lease, [...claimed]);
    }
    for (const blob of going) this.#freed.add(blob);
  }

  #wait(blob: Blob, at: Timestamp): void {
    this.#waiting.add(blob);
    if (this.#oldestWaiting === undefined || at < this.#oldestWaiting) this.#oldestWaiting = at;
  }

  async #findMissing({ mark }: MarkedStore): Promise<StoreCollection['missing']> {
    const { catalog, store } = this.#flow;
    const missing = new Set<Digest>();
    await forEachConcurrently(mark.unseen(), STATS_AT_ONCE, async (digest) => {
      if (missing.size < MISSING_NAMED && (await store.stat(digest)) !== undefined) return; // it came since
      missing.add(digest);
    });
    for (const digest of mark.unknown) missing.add(digest);
    for (const purged of await catalog.purges.getAll([...missing])) missing.delete(purged);
    return { count: missing.size, digests: [...missing].toSorted().slice(0, MISSING_NAMED) };
  }

  #batch(work: (some: readonly Blob[]) => Promise<void>): Batch {
    return new Batch(async (some) => {
      this.#goOn();
      await work(some);
      this.#options.onProgress?.({ step: 'sweeping', ...this.#looked.read() });
    });
  }

  #goOn(): void {
    this.#options.signal?.throwIfAborted();
    this.#means?.lease.signal.throwIfAborted();
  }
}

/** Blobs that are dealt with some at a time. */
class Batch {
  #blobs: Blob[] = [];
  readonly #work: (some: readonly Blob[]) => Promise<void>;

  constructor(work: (some: readonly Blob[]) => Promise<void>) {
    this.#work = work;
  }

  async add(blob: Blob): Promise<void> {
    this.#blobs.push(blob);
    if (this.#blobs.length >= BLOBS_AT_ONCE) await this.end();
  }

  async end(): Promise<void> {
    const some = this.#blobs;
    this.#blobs = [];
    if (some.length > 0) await this.#work(some);
  }
}

class Count {
  #blobs = 0;
  #bytes = 0;

  add({ size }: Pick<Blob, 'size'>): void {
    this.#blobs++;
    this.#bytes += size;
  }

  read(): BlobCount {
    return { blobs: this.#blobs, bytes: this.#bytes };
  }
}

/** What a blob is kept for, if anything. @param isThere as of the mark */
function keptFor({ mark, trees }: MarkedStore, digest: Digest, isThere = false): KeptFor | undefined {
  return (
    mark.keptFor(digest, isThere) ?? (trees.some((tree) => tree.names(digest)) ? 'snapshots' : undefined)
  );
}

function countsOf(counts: Readonly<Record<KeptFor, Count>>): StoreCollection['kept'] {
  return Object.fromEntries(
    Object.entries(counts).map(([what, count]) => [what, count.read()]),
  ) as StoreCollection['kept'];
}

function digestsOf(blobs: readonly Blob[]): Digest[] {
  return blobs.map(({ digest }) => digest);
}
