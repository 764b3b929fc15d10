import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openCatalog, type Task, TASK_ENDED } from '@gantry/catalog';
import { openMessages } from '@gantry/messages';
import { createSource, createTask, type Flow, type Log, type SourceRules } from '@gantry/pipeline';
import {
  createInProcessRegistry,
  type InProcessOptions,
  type InProcessRegistry,
  openRegistry,
} from '@gantry/registry';
import { createMetrics } from '@gantry/service';
import { openStore } from '@gantry/store';
import { startSync } from './sync-service.ts';

/** A line of the log. */
export type Line = Readonly<Record<string, unknown>>;

/** A sync service on real parts: a registry, a store, a catalog and a queue of their own. */
export interface SyncFixture extends AsyncDisposable {
  readonly upstream: InProcessRegistry;
  readonly flow: Flow;
  readonly lines: readonly Line[];
  /** What the flow takes as the time; it stands still unless it is set. */
  clock: Date;
  /** Starts the service, of a source named `builds`. */
  start(options?: {
    readonly rules?: Partial<SourceRules>;
    readonly everyMs?: number;
  }): Promise<AsyncDisposable>;
  /** Asks for a sync. */
  ask(parameters?: Task['parameters']): Promise<Task>;
  /** Asks for a sync and waits for its end. */
  sync(parameters?: Task['parameters']): Promise<Task>;
  ended(task: Pick<Task, 'id'>): Promise<Task>;
  /** The figures of the service that was started last, as they are shown. */
  figures(): Promise<string>;
  /** `METHOD path` of what the registry was asked. */
  requests(): string[];
}

export async function openSync(options: InProcessOptions = {}): Promise<SyncFixture> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-sync-'));
  const resources = new AsyncDisposableStack();
  resources.defer(() => rm(root, { recursive: true, force: true }));
  const upstream = createInProcessRegistry(options);
  const { url } = resources.use(await upstream.listen());
  const registry = resources.use(openRegistry({ name: 'builds', url }));
  const catalog = resources.use(await openCatalog({ sqlite: { file: join(root, 'catalog.db') } }));
  const store = resources.use(await openStore({ filesystem: { root: join(root, 'store') } }));
  const messages = resources.use(await openMessages({ embedded: { file: join(root, 'messages.db') } }));
  let metrics = await createMetrics('sync');
  const lines: Line[] = [];
  const note = (fields: object, event: string) => lines.push({ ...fields, event });
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const fixture = { clock: new Date('2026-11-21T09:00:00.000Z') };
  const flow: Flow = { catalog, store, log, now: () => fixture.clock, holder: 'test' };
  const ask: SyncFixture['ask'] = (parameters = {}) =>
    createTask(flow, messages, 'sync', { source: 'builds', ...parameters });
  const ended: SyncFixture['ended'] = ({ id }) =>
    until(async () => {
      const task = await catalog.tasks.get(id);
      return task !== undefined && TASK_ENDED.includes(task.state) ? task : undefined;
    });
  return Object.assign(fixture, {
    upstream,
    flow,
    lines,
    async start({ rules = {}, everyMs }: Parameters<SyncFixture['start']>[0] = {}) {
      const source = createSource(
        { name: 'builds', repositories: ['**'], referrers: true, ...rules },
        registry,
      );
      metrics = await createMetrics('sync'); // as of a new process
      return resources.use(
        await startSync({
          flow,
          messages,
          metrics,
          random: () => 0.5,
          retryLookEveryMs: 10,
          sources: [{ source, ...(everyMs === undefined ? {} : { everyMs }) }],
        }),
      );
    },
    ask,
    ended,
    sync: async (parameters: Task['parameters'] = {}) => ended(await ask(parameters)),
    figures: async () => (await metrics.render()).body,
    requests: () => upstream.requests.map(({ method, path }) => `${method} ${path}`),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  });
}

const UNTIL_MS = 45_000;

/** Looks until there is something. What never comes ends with an error that shows the look. */
export async function until<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const giveUpAt = performance.now() + UNTIL_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > giveUpAt) throw new Error(`waited ${UNTIL_MS} ms in vain for ${String(look)}`);
    await pause(5);
  }
}
