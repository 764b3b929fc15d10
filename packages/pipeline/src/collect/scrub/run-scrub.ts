import { type Task, TASK_ENDED, type TaskError, updateTask } from '@gantry/catalog';
import { type Digest, Fault, toProblem } from '@gantry/oci';
import type { Flow } from '../../context.ts';
import { type HeldLease, withLeaseWaiting } from '../../hold-lease.ts';
import type { PublishedTree } from '../../publish/published-tree.ts';
import type { Progress } from '../../sync/progress.ts';
import type { TaskOutcome } from '../../work/run-task.ts';
import { findHolders } from './find-holders.ts';
import { mendTrees } from './mend-trees.ts';
import { PacedReader } from './paced-digest.ts';
import { type DamagedBlob, SCRUB_BEGIN, type ScrubState } from './scrub-state.ts';

const SAVE_EVERY_MS = 1000;
const LEASE = 'scrub';
/** How often a blob is fetched again that does not come. */
const ROUNDS_MAX = 3;

/** What a scrub works on. */
export interface ScrubContext {
  readonly flow: Flow;
  readonly trees: readonly PublishedTree[];
  /** Has a sync done. @returns its task's id */
  readonly startSync: (parameters: Task['parameters']) => Promise<string>;
  /** How fast it reads where the task does not say. */
  readonly bytesPerSecond: number;
}

/**
 * Carries out a scrub's task: reads every blob of the store, and moves aside those whose bytes are not those of their
 * digests. Nothing is published of these any more; what is not whole without them is fetched again from its source, and put
 * into the trees anew.
 * @returns undefined while syncs are to bring what was damaged: the task is to be run again then
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
    this.#state = (task.result as ScrubState | undefined) ?? SCRUB_BEGIN;
  }

  async run(): Promise<TaskOutcome | undefined> {
    this.#progress.isAt(this.#state);
    for (const blob of this.#state.damaged) if (blob.state === 'found') await this.#moveAside(blob);
    if (!this.#state.isThrough) await this.#readAll();
    await this.#followUp();
    if (this.#state.damaged.some(({ state }) => state === 'fetching')) return undefined;
    const errors = this.#state.damaged.filter(({ state }) => state === 'lost').map(lostError);
    const { blobs, bytes, damaged } = this.#state;
    this.#context.flow.log.info(
      { task: this.#task.id, blobs, bytes, damaged: damaged.length, lost: errors.length },
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
      if (!isWhole) await this.#found(digest, size);
      else if (performance.now() - this.#savedAt > SAVE_EVERY_MS) await this.#save();
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
    await this.#note({ ...blob, state: 'fetching', syncs, rounds: blob.rounds + 1 });
  }

  /** Looks whether what was damaged is back, once all syncs are over: one may bring what another blob needs, too. */
  async #followUp(): Promise<void> {
    const { flow, trees } = this.#context;
    const fetching = this.#state.damaged.filter(({ state }) => state === 'fetching');
    const ids = fetching.flatMap(({ syncs }) => syncs);
    const tasks = await Promise.all(ids.map((id) => flow.catalog.tasks.get(id)));
    if (tasks.some((task) => task !== undefined && !TASK_ENDED.includes(task.state))) return;
    for (const blob of fetching) {
      const { digest } = blob;
      if ((await flow.store.stat(digest)) !== undefined) {
        await mendTrees(flow, trees, digest, this.#reader, this.#signal);
        await this.#note({ ...blob, state: 'repaired' });
        continue;
      }
      // What needs it may have come back only now, when it was itself damaged.
      const { items } = await findHolders(flow.catalog, digest);
      if (items.length > 0 && blob.rounds < ROUNDS_MAX) await this.#fetch({ ...blob, items });
      else await this.#note({ ...blob, state: 'lost' });
    }
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
