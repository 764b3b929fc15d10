import type { Messages } from '@gantry/messages';
import { asFault, Fault, forEachConcurrently, isDigest } from '@gantry/oci';
import {
  type Channel,
  type Flow,
  forgetPlans,
  type Publisher,
  publisherOf,
  publishTrees,
  QUEUES,
  runPromotion,
  runPurge,
  runTask,
} from '@gantry/pipeline';
import { z } from 'zod';
import type { Collections } from './collections.ts';
import { EvidenceQueue } from './evidence-queue.ts';
import { startGateSweep } from './gate-sweep.ts';

const PROMOTIONS_AT_ONCE = 16;
/** How often work is looked for that a worker which died has left, or that could not be published before. */
const SWEEP_EVERY_MS = 5000;
const REFRESH_LOOK_EVERY_MS = 60_000;
/** How often what need not be known any more is forgotten. */
const FORGET_EVERY_MS = 3_600_000;
const IDEMPOTENCY_KEYS_KEPT_MS = 7 * 86_400_000;

const WorkData = z.union([
  z.object({ promotion: z.string() }),
  z.object({ digest: z.string().refine(isDigest) }),
  z.object({ task: z.string() }),
]);

/** Takes promotions through their states and publishes them: those that are asked for, and those that were left. */
export async function startPromotionWorker(
  flow: Flow,
  messages: Messages,
  publishers: readonly Publisher[],
  channels: readonly Channel[],
  collections?: Pick<Collections, 'runs' | 'start'>,
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const onError = (error: unknown) => flow.log.error({ err: asFault(error) }, 'promotion.worker_failed');
  const runPublish = (id: string) =>
    runTask(
      flow,
      id,
      async (task, progress, signal) => {
        if (task.kind === 'purge') return runPurge({ flow, publishers }, task, progress, signal);
        return publishTrees(publishers, task, signal);
      },
      stop.signal,
    );
  const take = async (id: string) => {
    const task = await flow.catalog.tasks.get(id);
    if (task !== undefined && collections?.runs(task) === true) collections.start(id);
    else await runPublish(id);
  };
  const run = async (promotion: string) => {
    const ready = await runPromotion(flow, channels, promotion, stop.signal);
    if (ready?.state === 'publishing') await publisherOf(ready, publishers).publishPending();
  };
  const evidence = new EvidenceQueue(flow, run);

  const consumer = await messages.consume(
    QUEUES.promote,
    async ({ event }) => {
      const data = WorkData.parse(event.data);
      if ('task' in data) return take(data.task);
      return 'digest' in data ? evidence.add(data.digest) : run(data.promotion);
    },
    { prefetch: PROMOTIONS_AT_ONCE, onError },
  );

  let sweeping: Promise<void> | undefined;
  const sweep = async () => {
    await Promise.all(publishers.map((publisher) => publisher.publishPending().catch(onError)));
    const left = await flow.catalog.promotions.inStates(['queued', 'promoting']);
    await forEachConcurrently(left, PROMOTIONS_AT_ONCE, ({ id }) => run(id));
    for (const { id, kind } of await flow.catalog.tasks.inStates(['queued', 'running']))
      if (kind !== 'sync') await take(id);
  };
  const startSweep = () => {
    sweeping ??= sweep()
      .catch(onError)
      .finally(() => {
        sweeping = undefined;
      });
  };
  const refresh = () => {
    for (const publisher of publishers) publisher.refresh().catch(onError);
  };
  const forget = async () => {
    const before = flow.now().getTime() - IDEMPOTENCY_KEYS_KEPT_MS;
    await flow.catalog.promotions.forgetKeys(new Date(before).toISOString());
    await forgetPlans(flow);
  };
  const gateSweep = startGateSweep(flow, channels, run, onError);
  const timers = [
    setInterval(() => void forget().catch(onError), FORGET_EVERY_MS),
    setInterval(startSweep, SWEEP_EVERY_MS),
    setInterval(refresh, REFRESH_LOOK_EVERY_MS),
  ];
  startSweep();
  refresh();
  forget().catch(onError);

  return {
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearInterval(timer);
      stop.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await gateSweep[Symbol.asyncDispose]();
      await consumer[Symbol.asyncDispose]();
      await sweeping;
    },
  };
}
