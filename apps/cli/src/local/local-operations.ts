import { setTimeout as pause } from 'node:timers/promises';
import { createSyncRunner } from '@gantry/app-sync';
import type { Companions, Promotion, Task } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import {
  acceptPromotion,
  type Act,
  audited,
  createPublisher,
  findTree,
  planPromotion,
  type Publisher,
  publisherOf,
  publisherWithLayouts,
  publishTrees,
  recordTask,
  runPromotion,
  runTask,
  startLayoutFollower,
  syncParametersOf,
} from '@gantry/pipeline';
import { createLogger, type LoadedConfiguration, LOCAL_NAME, logLevelOf } from '@gantry/service';
import type { PromotionAnswer, TaskAnswer } from '../answers.ts';
import type { Operations } from '../operations.ts';
import { openFlow } from '../serve/open-flow.ts';
import { openSigningKeys } from '../serve/open-keys.ts';
import { openLayouts } from '../serve/open-layouts.ts';
import { openSources } from '../serve/open-sources.ts';

import { collectHere } from './collect-here.ts';

/** Who a change was made by, in its record. */
const REQUESTER = { name: LOCAL_NAME };
/** How often a task's progress is looked at. */
const LOOK_MS = 200;

/** Does the work in this process, on the configuration's own stores. A service that runs beside it is no harm: leases keep them apart. */
export async function openLocalOperations(
  { configuration }: LoadedConfiguration,
  env: NodeJS.ProcessEnv,
): Promise<Operations> {
  await using resources = new AsyncDisposableStack();
  const level = env['GANTRY_LOG_LEVEL'] === undefined ? 'warn' : logLevelOf(env);
  const log = createLogger({ name: 'gantry', level });
  const { flow, channels, trees } = await openFlow(configuration, log, resources);
  const publishers: Publisher[] = [];
  for (const tree of trees) {
    const signing = await openSigningKeys(configuration, tree.name);
    const publisher = createPublisher(flow, { ...tree, ...(signing && { signing }) });
    const layouts = await openLayouts(configuration, flow, tree.name);
    if (layouts === undefined) publishers.push(publisher);
    else {
      const follower = resources.use(startLayoutFollower(layouts, log, false));
      resources.defer(() => follower.settled()); // before it is disposed of: the process ends then
      publishers.push(publisherWithLayouts(publisher, follower));
    }
  }
  const open = resources.move();

  /** Tells of a task's progress while it is run here, and gives how it ended. */
  const follow = async (
    task: Task,
    run: Promise<void>,
    signal: AbortSignal,
    onProgress: (task: TaskAnswer) => void,
  ): Promise<TaskAnswer> => {
    const ended = new AbortController();
    const ran = run.finally(() => ended.abort());
    ran.catch(() => {}); // awaited below, after the last look
    const stop = AbortSignal.any([signal, ended.signal]);
    while (!stop.aborted) {
      onProgress((await flow.catalog.tasks.get(task.id)) ?? task);
      await pause(LOOK_MS, undefined, { signal: stop }).catch(() => undefined);
    }
    await ran;
    signal.throwIfAborted();
    return (await flow.catalog.tasks.get(task.id)) ?? task;
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
      const task = await audited(flow, act('createSync', request.source), () =>
        syncParametersOf(flow, request).then((asked) => recordTask(flow, 'sync', asked)),
      );
      return await follow(task, run(task.id, signal), signal, onProgress);
    },

    async planPromotion(request) {
      const plan = await planPromotion(flow, channels, request, REQUESTER);
      return { ...plan, items: plan.items.map(withoutCompanions) };
    },

    async promote(request, { idempotencyKey, ifMatch }, { signal }, onProgress) {
      const requester = { ...REQUESTER, idempotencyKey: `${REQUESTER.name} ${idempotencyKey}` };
      const { promotion } = await audited(flow, act('createPromotion', request.to, request.reason), () =>
        acceptPromotion(flow, channels, request, requester, ifMatch && `"${ifMatch}"`),
      );
      onProgress(present(promotion));
      signal.throwIfAborted();
      const ready = (await runPromotion(flow, channels, promotion.id, signal)) ?? promotion;
      onProgress(present(ready));
      while ((await flow.catalog.promotions.get(promotion.id))?.state === 'publishing') {
        signal.throwIfAborted();
        await publisherOf(promotion, publishers).publishPending();
      }
      return present((await flow.catalog.promotions.get(promotion.id)) ?? ready);
    },

    async publish(request, { signal }, onProgress) {
      if (request.tree !== undefined) findTree(request.tree, trees);
      const task = await audited(flow, act('createPublication', request.tree ?? 'all trees'), () =>
        recordTask(flow, 'publish', { ...request }),
      );
      const run = runTask(
        flow,
        task.id,
        (given, _progress, stop) => publishTrees(publishers, given, stop),
        signal,
      );
      return follow(task, run, signal, onProgress);
    },

    async collect({ scrub = false, dryRun }, { signal }, onProgress) {
      const kind = scrub ? 'scrub' : 'gc';
      const task = await audited(flow, act('createCollection', kind), () =>
        recordTask(flow, kind, dryRun === undefined ? {} : { dryRun }),
      );
      const collecting = { flow, configuration, publishers };
      return follow(task, collectHere(collecting, task, signal), signal, onProgress);
    },

    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function act(action: string, target: string, reason?: string): Act {
  return {
    actor: REQUESTER.name,
    via: 'cli',
    action,
    target,
    ...(reason !== undefined && { reason }),
  };
}

function present(promotion: Promotion): PromotionAnswer {
  const { idempotency: _, serial, error, items, gates = [], ...rest } = promotion;
  return {
    ...rest,
    gates,
    items: items.map(withoutCompanions),
    serial: serial ?? null,
    error: error ?? null,
  };
}

/** An item as the API shows it. */
function withoutCompanions<T extends Companions>({
  companions: _companions,
  referrers: _referrers,
  ...item
}: T): Omit<T, keyof Companions> {
  return item;
}
