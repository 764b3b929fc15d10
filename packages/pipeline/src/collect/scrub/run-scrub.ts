import { type Task, TASK_ENDED, type TaskError, updateTask } from '@gantry/catalog';
import { type Digest, Fault, toProblem } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import { type HeldLease, withLeaseWaiting } from '../../hold-lease.ts';
import type { PublishedTree } from '../../publish/published-tree.ts';
import type { Progress } from '../../sync/progress.ts';
import type { TaskOutcome } from '../../work/run-task.ts';
import { findHolders, joinItems } from './find-holders.ts';
import { TreeMender } from './mend-trees.ts';
import { PacedReader } from './paced-digest.ts';
import { type DamagedBlob, SCRUB_BEGIN, type ScrubState } from './scrub-state.ts';

const SAVE_EVERY_MS = 1000;
const LEASE = 'scrub';
/** How long after one failed attempt a blob is fetched again: its source may be down for a while. */
const WAITS_MS = [60_000, 5 * 60_000, 15 * 60_000];

/** What a scrub works on. */
export interface ScrubContext {
  readonly flow: Flow;
  readonly trees: readonly PublishedTree[];
  /** Has a sync done. @returns its task's id */
  readonly startSync: (parameters: Task['parameters']) => Promise<string>;
  /** How fast it reads where the task does not say. */
  readonly bytesPerSecond: number;
  /** Told that files of a tree were put anew or taken out, past its publisher. Must not throw. */
  readonly onTreeChanged?: (tree: string) => void;
}

/**
 * Carries out a scrub's task: reads every blob of the store, and moves aside those whose bytes are not those of their
 * digests. Nothing is published of these any more; what is not whole without them is fetched again from its source, and put
 * into the trees anew. Files of the trees that are not the store's own are read, too, and mended from the store.
 * @returns undefined while syncs are to bring what was damaged, or are waited for: the task is to be run again then
 */
export async function runScrub(
  context: ScrubContext,
  task: Task,
  progress: Progress,
  signal: AbortSignal,
): Promise<TaskOutcome | undefined> {
  return withLeaseWaiting(
    context.flow,
    LEASE,
    (lease) => new Scrub(context, task, progress, lease, AbortSignal.any([signal, lease.signal])).run(),
    signal,
  );
}

class Scrub {
  readonly #context: ScrubContext;
  readonly #task: Task;
  readonly #progress: Progress;
  readonly #lease: HeldLease;
  readonly #signal: AbortSignal;
  readonly #reader: PacedReader;
  readonly #mender: TreeMender;
  #state: ScrubState;
  #savedAt = performance.now();

  constructor(context: ScrubContext, task: Task, progress: Progress, lease: HeldLease, signal: AbortSignal) {
    this.#context = context;
    this.#task = task;
    this.#progress = progress;
    this.#lease = lease;
    this.#signal = signal;
    const { bytesPerSecond = context.bytesPerSecond } = task.parameters;
    this.#reader = new PacedReader(Number(bytesPerSecond), signal);
    this.#mender = new TreeMender(context.flow, context.trees, this.#reader, signal);
    this.#state = (task.result as ScrubState | undefined) ?? SCRUB_BEGIN;
  }

  async run(): Promise<TaskOutcome | undefined> {
    try {
      return await this.#run();
    } finally {
      for (const tree of this.#mender.changed) this.#context.onTreeChanged?.(tree);
    }
  }

  async #run(): Promise<TaskOutcome | undefined> {
    this.#progress.isAt(this.#state);
    for (const blob of this.#state.damaged) if (blob.state === 'found') await this.#moveAside(blob);
    if (!this.#state.isThrough) await this.#readAll();
    await this.#followUp();
    if (this.#state.damaged.some(({ state }) => state === 'fetching')) return undefined;
    const { blobs, bytes, damaged } = this.#state;
    const lost = damaged.filter(({ state }) => state === 'lost').map(lostError);
    const failed = [...this.#mender.failed].map(([item, fault]) => ({ item, problem: toProblem(fault) }));
    const errors = [...lost, ...failed];
    this.#context.flow.log.info(
      { task: this.#task.id, blobs, bytes, damaged: damaged.length, lost: lost.length },
      'scrub.ended',
    );
    return { state: errors.length === 0 ? 'done' : 'partial', errors, result: { ...this.#state } };
  }

  async #readAll(): Promise<void> {
    const { store } = this.#context.flow;
    for await (const { digest, size } of store.list(this.#state.position ?? undefined)) {
      this.#signal.throwIfAborted();
      const isWhole = await this.#isWhole(digest);
      this.#state = {
        ...this.#state,
        position: digest,
        blobs: this.#state.blobs + 1,
        bytes: this.#state.bytes + size,
      };
      this.#progress.isAt(this.#state);
      if (isWhole) await this.#mend(digest);
      else await this.#found(digest, size);
      if (performance.now() - this.#savedAt > SAVE_EVERY_MS) await this.#save();
    }
    this.#state = { ...this.#state, isThrough: true };
    await this.#save();
  }

  async #isWhole(digest: Digest): Promise<boolean> {
    try {
      const stream = await this.#context.flow.store.open(digest);
      return (await this.#reader.digestOf(digest, stream)) === digest;
    } catch (error) {
      this.#signal.throwIfAborted();
      // Deleted meanwhile; or not to be read: then it is looked at once more before it is moved aside.
      return error instanceof Fault && error.code === 'BLOB_UNKNOWN';
    }
  }

  async #mend(digest: Digest): Promise<void> {
    const mended = await this.#mender.mend(digest);
    if (mended > 0) this.#state = { ...this.#state, mended: (this.#state.mended ?? 0) + mended };
  }

  /** Noted first, with what needs it: so whoever goes on after a crash can bring it back. */
  async #found(digest: Digest, size: number): Promise<void> {
    const { items } = await findHolders(this.#context.flow.catalog, digest);
    const blob: DamagedBlob = { digest, size, state: 'found', items, syncs: [], rounds: 0 };
    await this.#note(blob);
    await this.#moveAside(blob);
  }

  async #moveAside(blob: DamagedBlob): Promise<void> {
    const { flow } = this.#context;
    const { digest, size } = blob;
    await using removal = await flow.store.startRemoval(LEASE, () => this.#lease.confirm());
    const aside = await removal.quarantine(digest);
    if (aside === undefined && (await flow.store.stat(digest)) !== undefined) {
      this.#state = { ...this.#state, damaged: this.#state.damaged.filter((one) => one.digest !== digest) };
      return this.#save();
    }
    flow.log.error({ digest, size, aside, task: this.#task.id }, 'scrub.blob_damaged');
    await this.#fetch({ ...blob, ...(aside === undefined ? {} : { aside }) });
  }

  /** Takes out what is not whole without it, so that syncs fetch that anew, and asks for them. */
  async #fetch(blob: DamagedBlob): Promise<void> {
    const { flow, startSync } = this.#context;
    const { levels } = await findHolders(flow.catalog, blob.digest);
    for (const level of levels.toReversed()) {
      await this.#lease.confirm();
      await flow.catalog.manifests.remove(level, this.#lease);
    }
    const syncs = [...blob.syncs];
    for (const [source, items] of Map.groupBy(blob.items, (item) => item.source)) {
      const asked = items.map(({ sourceRepository, digests }) => ({ sourceRepository, tags: [], digests }));
      syncs.push(await startSync({ source, items: asked, cause: 'scrub' }));
    }
    const { againAt: _, ...asked } = blob;
    await this.#note({ ...asked, state: 'fetching', syncs, rounds: blob.rounds + 1 });
  }

  /** Looks whether what was damaged is back, once all syncs are over: one may bring what another blob needs, too. */
  async #followUp(): Promise<void> {
    const { flow } = this.#context;
    const fetching = this.#state.damaged.filter(({ state }) => state === 'fetching');
    const ids = fetching.flatMap(({ syncs }) => syncs);
    const tasks = await Promise.all(ids.map((id) => flow.catalog.tasks.get(id)));
    if (tasks.some((task) => task !== undefined && !TASK_ENDED.includes(task.state))) return;
    for (const blob of fetching) {
      const { digest } = blob;
      if ((await flow.store.stat(digest)) !== undefined) {
        await this.#mend(digest);
        await this.#note({ ...blob, state: 'repaired' });
      } else if (blob.againAt === undefined) await this.#tryAgain(blob);
      else if (Date.parse(blob.againAt) <= flow.now().getTime()) await this.#fetch(blob);
    }
  }

  /** What syncs have not brought is fetched again, later each time; trees have nothing of it meanwhile rather than damage. */
  async #tryAgain(blob: DamagedBlob): Promise<void> {
    const { flow } = this.#context;
    await this.#mender.takeOut(blob.digest);
    // What needs it may have come back only now, when it was itself damaged. What is known of it is not forgotten, as
    // its records are gone until it is back.
    const items = joinItems(blob.items, (await findHolders(flow.catalog, blob.digest)).items);
    const wait = WAITS_MS[blob.rounds - 1];
    if (items.length === 0 || wait === undefined) return this.#note({ ...blob, items, state: 'lost' });
    if (JSON.stringify(items) !== JSON.stringify(blob.items)) return this.#fetch({ ...blob, items });
    const againAt = new Date(flow.now().getTime() + wait).toISOString();
    await this.#note({ ...blob, againAt });
  }

  async #note(blob: DamagedBlob): Promise<void> {
    const others = this.#state.damaged.filter(({ digest }) => digest !== blob.digest);
    this.#state = { ...this.#state, damaged: [...others, blob] };
    await this.#save();
  }

  async #save(): Promise<void> {
    this.#savedAt = performance.now();
    const result = { ...this.#state };
    await updateTask(this.#context.flow.catalog, this.#task.id, (now) =>
      now.state === 'running' ? { ...now, result } : undefined,
    );
  }
}

function lostError({ digest, aside, items }: DamagedBlob): TaskError {
  const where = items.map(({ source, sourceRepository }) => `${source} (${sourceRepository})`);
  const detail =
    where.length === 0
      ? 'nothing that is known of needs it, so it is not fetched again'
      : `${where.join(', ')} did not give it again`;
  const fault = new Fault(
    'BLOB_UNKNOWN',
    `the blob ${digest} was damaged in the store, and ${detail}; its bytes lie at ${aside ?? 'no place any more'}`,
    { digest },
  );
  return { item: digest, problem: toProblem(fault) };
}
