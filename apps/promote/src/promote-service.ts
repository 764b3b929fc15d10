import { createServer, type RequestListener, type Server } from 'node:http';
import type { Messages } from '@gantry/messages';
import {
  type Channel,
  type ConfirmRules,
  type Flow,
  type FollowedMirror,
  type Publisher,
  startEventSender,
} from '@gantry/pipeline';
import type { PublicKey } from '@gantry/tree';
import { asFault } from '@gantry/oci';
import {
  type Authenticator,
  createTlsServer,
  type Health,
  listen,
  type ListenAddress,
  type Metrics,
  type Network,
  type RunningServer,
  type Scope,
  SERVER_LIMITS,
  type TlsFiles,
  type TlsServer,
} from '@gantry/service';
import { createApi } from './api/create-api.ts';
import { answerMalformed } from './api/http/answer-malformed.ts';
import type { KnownSource } from './api/known-source.ts';
import type { PullTokens } from './api/pull-tokens/pull-tokens.ts';
import { type CollectionsOptions, startCollections } from './collections.ts';
import { startCommands } from './commands.ts';
import { startMirrorFollower } from './mirror-follower.ts';
import { startPromotionWorker } from './promotion-worker.ts';
import { startPurgeSweep } from './purge-sweep.ts';

export interface PromoteServiceOptions {
  readonly flow: Flow;
  readonly messages: Messages;
  /** One a tree, the main tree's first. */
  readonly publishers: readonly Publisher[];
  readonly channels: readonly Channel[];
  /** The sources that can be synced. */
  readonly sources: readonly KnownSource[];
  /** The mirrors of the main tree, and how they are followed; absent: there are none. */
  readonly confirm?: {
    readonly mirrors: readonly FollowedMirror[];
    readonly rules: ConfirmRules;
    /** Keys of which one must have signed what they serve. */
    readonly trustedKeys: readonly PublicKey[];
  };
  /** What of the sources' candidates is kept, and when what nothing needs is deleted. */
  readonly collection: Pick<CollectionsOptions, 'sources' | 'graceMs' | 'rules'>;
  /** What messages may command. */
  readonly commandScopes: readonly Scope[];
  readonly listen: ListenAddress;
  /** Absent: plain http. */
  readonly tls?: TlsFiles;
  readonly authenticator: Authenticator;
  /** Makes tokens for private repositories; absent: none are made. */
  readonly pullTokens?: PullTokens;
  /** Whether the configuration says that changes are refused. */
  readonly isReadOnly: boolean;
  /** How often one caller may ask. */
  readonly callerRate: { readonly requestsPerSecond: number; readonly burst: number };
  /** Proxies that are believed whom they ask for. */
  readonly trustedProxies: readonly Network[];
  /** Names of the configuration's tokens. */
  readonly configuredTokens: readonly string[];
  readonly health: Health;
  readonly metrics: Metrics;
}

/** The promote service: accepts promotions over REST and as messages, gates, promotes and publishes them. */
export interface PromoteService extends AsyncDisposable {
  /** Of the API, without its path: `http://127.0.0.1:5090`. */
  readonly url: string;
  /** Where the API listens. */
  readonly address: ListenAddress;
}

/** Starts it. @throws Fault CONFIGURATION_INVALID when the address can't be listened on */
export async function startPromote(options: PromoteServiceOptions): Promise<PromoteService> {
  const { flow, messages, publishers, channels, confirm } = options;
  const trees = publishers.map(({ tree }) => tree);
  await using resources = new AsyncDisposableStack();
  const ending = new AbortController();
  const api = createApi({
    ...options,
    trees,
    ...(confirm !== undefined && { mirrors: confirm.mirrors }),
    log: flow.log,
    stop: ending.signal,
  });
  resources.use(startEventSender({ flow, messages }));
  const { collection } = options;
  const collections = resources.use(startCollections({ flow, messages, publishers, ...collection }));
  resources.use(await startPromotionWorker(flow, messages, publishers, channels, collections));
  resources.use(startPurgeSweep({ flow, publishers }, messages));
  const [main] = trees;
  if (confirm !== undefined && confirm.mirrors.length > 0 && main !== undefined) {
    const context = { flow, tree: main.name, source: main.target.source, channels, ...confirm };
    resources.use(startMirrorFollower(context, confirm.mirrors));
  }
  resources.use(await startCommands({ ...options, trees, sources: options.sources.map(({ name }) => name) }));
  const running = resources.use(await startListening(api, options, resources));
  resources.defer(() => {
    options.health.drain();
    ending.abort();
  });
  const started = resources.move();
  return { url: running.url, address: running.address, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

async function startListening(
  api: RequestListener,
  { listen: address, tls, flow }: PromoteServiceOptions,
  resources: AsyncDisposableStack,
): Promise<RunningServer> {
  let server: Server | TlsServer['server'];
  if (tls === undefined) server = createServer(SERVER_LIMITS, api);
  else {
    const secure = await createTlsServer(SERVER_LIMITS, tls, 'api.tls', api);
    resources.use(reloadOnHangup(secure, flow.log));
    ({ server } = secure);
  }
  answerMalformed(server, flow.log);
  return listen(server, address, 'api.listen');
}

/** A certificate that was renewed is taken at SIGHUP, without an interruption. */
function reloadOnHangup(server: TlsServer, log: Flow['log']): Disposable {
  const onHangup = () => {
    server.reload().then(
      () => log.info({}, 'api.certificate_reloaded'),
      (error: unknown) => log.error({ err: asFault(error) }, 'api.certificate_refused'),
    );
  };
  process.on('SIGHUP', onHangup);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', onHangup) };
}
