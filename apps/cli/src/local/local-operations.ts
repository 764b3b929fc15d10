import { createSyncRunner } from '@gantry/app-sync';
import type { Promotion, Task } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import {
  acceptPromotion,
  createPublisher,
  planPromotion,
  recordTask,
  runPromotion,
  runTask,
} from '@gantry/pipeline';
import { createLogger, type LoadedConfiguration, logLevelOf } from '@gantry/service';
import type { PromotionAnswer, TaskAnswer } from '../answers.ts';
import type { Operations } from '../operations.ts';
import { followUntil } from '../remote/follow.ts';
import { openFlow } from '../serve/open-flow.ts';
import { openSources } from '../serve/open-sources.ts';

/** Who a change was made by, in its record. */
const REQUESTER = { name: 'local' };

/** Does the work in this process, on the configuration's own stores. A service that runs beside it is no harm: leases keep them apart. */
export async function openLocalOperations(
  { configuration }: LoadedConfiguration,
  env: NodeJS.ProcessEnv,
): Promise<Operations> {
  await using resources = new AsyncDisposableStack();
  const level = env['GANTRY_LOG_LEVEL'] === undefined ? 'warn' : logLevelOf(env);
  const { flow, tree } = await openFlow(configuration, createLogger({ name: 'gantry', level }), resources);
  const publisher = createPublisher(flow, tree);
  const open = resources.move();

  /** Tells of a task's progress while it is run here, and gives how it ended. */
  const follow = async (
    task: Task,
    run: Promise<void>,
    signal: AbortSignal,
    onProgress: (task: TaskAnswer) => void,
  ): Promise<TaskAnswer> => {
    let over = false;
    const ran = run.finally(() => (over = true));
    ran.catch(() => {}); // awaited below, after the last look
    const read = async () => (await flow.catalog.tasks.get(task.id)) ?? task;
    const last = await followUntil<TaskAnswer>(task, read, () => over, onProgress, { signal });
    await ran;
    return (await flow.catalog.tasks.get(task.id)) ?? last;
  };

  return {
    sources: async () => configuration.sources.map(({ name }) => name),

    async sync(request, { signal }, onProgress) {
      const configured = configuration.sources.filter(({ name }) => name === request.source);
      if (configured.length === 0) {
        const names = configuration.sources.map(({ name }) => name).join(', ');
        throw new Fault(
          'SOURCE_UNKNOWN',
          `there is no source ${JSON.stringify(request.source)}: there are ${names || 'none'}`,
        );
      }
      await using registries = new AsyncDisposableStack();
      const sources = (await openSources(configured, registries)).map(({ source }) => source);
      const run = createSyncRunner({ flow, sources });
      const task = await recordTask(flow, 'sync', { ...request });
      return await follow(task, run(task.id, signal), signal, onProgress);
    },

    planPromotion: (request) => planPromotion(flow, configuration.channels, request),

    async promote(request, idempotencyKey, { signal }, onProgress) {
      const requester = { ...REQUESTER, idempotencyKey: `${REQUESTER.name}:${idempotencyKey}` };
      const { promotion } = await acceptPromotion(flow, configuration.channels, request, requester);
      onProgress(present(promotion));
      signal.throwIfAborted();
      const ready = (await runPromotion(flow, promotion.id)) ?? promotion;
      onProgress(present(ready));
      while ((await flow.catalog.promotions.get(promotion.id))?.state === 'publishing') {
        signal.throwIfAborted();
        await publisher.publishPending();
      }
      return present((await flow.catalog.promotions.get(promotion.id)) ?? ready);
    },

    async publish({ signal }, onProgress) {
      const task = await recordTask(flow, 'publish', {});
      const run = runTask(
        flow,
        task.id,
        async (_task, _progress, stop) => ({
          state: 'done',
          errors: [],
          result: { ...(await publisher.publishAll(stop)) },
        }),
        signal,
      );
      return follow(task, run, signal, onProgress);
    },

    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function present(promotion: Promotion): PromotionAnswer {
  const { idempotency: _, serial, error, items, ...rest } = promotion;
  return {
    ...rest,
    items: items.map(({ companions: _companions, referrers: _referrers, ...item }) => item),
    serial: serial ?? null,
    error: error ?? null,
  };
}
