import { createServer } from 'node:http';
import type { Messages } from '@gantry/messages';
import type { Channel, Flow, PublishedTree, Publisher } from '@gantry/pipeline';
import {
  type Health,
  listen,
  type ListenAddress,
  type Metrics,
  type Scope,
  SERVER_LIMITS,
  type TokenTable,
} from '@gantry/service';
import { createApi } from './api/create-api.ts';
import type { KnownSource } from './api/known-source.ts';
import { startCommands } from './commands.ts';
import { startPromotionWorker } from './promotion-worker.ts';

export interface PromoteServiceOptions {
  readonly flow: Flow;
  readonly messages: Messages;
  readonly publisher: Publisher;
  readonly tree: PublishedTree;
  readonly channels: readonly Channel[];
  /** The sources that can be synced. */
  readonly sources: readonly KnownSource[];
  /** What messages may command. */
  readonly commandScopes: readonly Scope[];
  readonly listen: ListenAddress;
  readonly tokens: TokenTable;
  readonly health: Health;
  readonly metrics: Metrics;
}

/** The promote service: accepts promotions over REST and as messages, gates, promotes and publishes them. */
export interface PromoteService extends AsyncDisposable {
  /** Of the API, without its path: `http://127.0.0.1:5090`. */
  readonly url: string;
}

/** Starts it. @throws Fault CONFIGURATION_INVALID when the address can't be listened on */
export async function startPromote(options: PromoteServiceOptions): Promise<PromoteService> {
  const { flow, messages, publisher, tree } = options;
  await using resources = new AsyncDisposableStack();
  const ending = new AbortController();
  const api = createApi({
    ...options,
    tree: tree.target.source,
    treeName: tree.name,
    log: flow.log,
    stop: ending.signal,
  });
  resources.use(await startPromotionWorker(flow, messages, publisher));
  resources.use(await startCommands({ ...options, sources: options.sources.map(({ name }) => name) }));
  const server = resources.use(await listen(createServer(SERVER_LIMITS, api), options.listen, 'api.listen'));
  resources.defer(() => {
    options.health.drain();
    ending.abort();
  });
  options.health.addCheck('catalog', async () => {
    await flow.catalog.leases.list();
  });
  const started = resources.move();
  return { url: server.url, [Symbol.asyncDispose]: () => started.disposeAsync() };
}
