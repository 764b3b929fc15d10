import type { Messages } from '@gantry/messages';
import { asFault, Fault } from '@gantry/oci';
import { type Flow, type Publisher, QUEUES, runPromotion, runTask } from '@gantry/pipeline';
import { z } from 'zod';

const PROMOTIONS_AT_ONCE = 16;
/** How often work is looked for that a worker which died has left, or that could not be published before. */
const SWEEP_EVERY_MS = 5000;
const REFRESH_LOOK_EVERY_MS = 60_000;

const WorkData = z.union([z.object({ promotion: z.string() }), z.object({ task: z.string() })]);

/** Takes promotions through their states and publishes them: those that are asked for, and those that were left. */
export async function startPromotionWorker(
  flow: Flow,
  messages: Messages,
  publisher: Publisher,
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const onError = (error: unknown) => flow.log.error({ err: asFault(error) }, 'promotion.worker_failed');
  const runPublish = (task: string) =>
    runTask(
      flow,
      task,
      async (_task, _progress, signal) => {
        const outcome = await publisher.publishAll(signal);
        return { state: 'done', errors: [], result: { ...outcome } };
      },
      stop.signal,
    );

  const consumer = await messages.consume(
    QUEUES.promote,
    async ({ event }) => {
      const data = WorkData.parse(event.data);
      if ('task' in data) return runPublish(data.task);
      if ((await runPromotion(flow, data.promotion))?.state === 'publishing')
        await publisher.publishPending();
    },
    { prefetch: PROMOTIONS_AT_ONCE, onError },
  );

  let sweeping: Promise<void> | undefined;
  const sweep = async () => {
    for (const { id } of await flow.catalog.promotions.inStates(['queued', 'gating', 'promoting']))
      await runPromotion(flow, id);
    await publisher.publishPending();
    for (const { id, kind } of await flow.catalog.tasks.inStates(['queued', 'running']))
      if (kind === 'publish') await runPublish(id);
  };
  const startSweep = () => {
    sweeping ??= sweep()
      .catch(onError)
      .finally(() => {
        sweeping = undefined;
      });
  };
  const timers = [
    setInterval(startSweep, SWEEP_EVERY_MS),
    setInterval(() => void publisher.refresh().catch(onError), REFRESH_LOOK_EVERY_MS),
  ];
  startSweep();
  publisher.refresh().catch(onError);

  return {
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearInterval(timer);
      stop.abort(new Fault('UNAVAILABLE', 'the service stops'));
      await consumer[Symbol.asyncDispose]();
      await sweeping;
    },
  };
}
