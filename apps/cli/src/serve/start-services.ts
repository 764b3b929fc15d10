import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { type Crane, openSigner } from '@gantry/app-crane';
import { type PromoteService, type PromoteServiceOptions, startPromote } from '@gantry/app-promote';
import { startSync } from '@gantry/app-sync';
import type { Messages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import { createPublisher, MAIN_TREE, type PublishedTree, startBeating } from '@gantry/pipeline';
import {
  adminListener,
  type Configuration,
  createAdminHandler,
  createHealth,
  createMetrics,
  formatListenAddress,
  type Health,
  isLoopbackAddress,
  listen,
  type Logger,
  type Metrics,
  readTrustedProxies,
  type RunningServer,
  SCRUB_BYTES_PER_SECOND,
  SERVER_LIMITS,
} from '@gantry/service';
import { knownSources } from './known-sources.ts';
import { gantryVersion } from '../version.ts';
import { addEngineChecks } from './engine-checks.ts';
import { openAuthenticator } from './open-authenticator.ts';
import { checkCraneBesideOthers, openCrane, type ServedCrane } from './open-crane.ts';
import { openFlow, type OpenFlow, openQueues } from './open-flow.ts';
import { openSigningKeys, openTrustedKeys } from './open-keys.ts';
import { followWithLayouts } from './open-layouts.ts';
import { openPullTokens } from './open-pull-tokens.ts';
import { openSources } from './open-sources.ts';
import type { ServiceName } from './service-names.ts';
import { startTreeServer } from './tree-server.ts';
import { treeKey, treeSettings } from './tree-settings.ts';
import { whenItAnswers } from './when-it-answers.ts';

/** How long a promotion waits, at the most, for this process's own crane to serve its serial. */
const SERVED_LIMIT_MS = 30_000;

/** What runs now, for whoever tells the user. */
export interface RunningServices {
  readonly crane?: ServedCrane;
  readonly promote?: PromoteService;
  /** The built-in servers of trees, by the trees' names. */
  readonly treeServers?: ReadonlyMap<string, RunningServer>;
  /** Health and figures of the sync service. */
  readonly syncAdmin?: RunningServer;
  /** Where the administrator's token lies, and what it is. */
  readonly admin?: { readonly file: string; readonly token: string };
}

/**
 * Starts one service, or all in this process; `resources` ends them, the last first.
 * @param signal aborted when the process is to end: engines that do not answer are not waited for any longer
 * @throws Fault CONFIGURATION_INVALID for what is not there or can't be used, UNAVAILABLE for an engine that does not
 * answer in time, and what the services throw
 */
export async function startServices(
  which: Exclude<ServiceName, 'crane'>,
  configuration: Configuration,
  log: Logger,
  resources: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<RunningServices> {
  if (which === 'all') checkCraneBesideOthers(configuration);

  const signing = new Map<string, Pick<PublishedTree, 'signing'>>();
  if (which !== 'sync') {
    for (const name of [MAIN_TREE, ...Object.keys(configuration.trees)]) {
      const keys = await openSigningKeys(configuration, name);
      if (keys !== undefined) signing.set(name, { signing: keys });
    }
  }

  const openEngine = whenItAnswers(log, { signal });
  const open = {
    ...(await openFlow(configuration, log, resources, openEngine)),
    messages: await openQueues(configuration, log, resources, openEngine),
    health: createHealth(),
    metrics: await createMetrics(which),
  };
  const { flow, messages, trees, health } = open;
  const { catalog, store } = flow;
  addEngineChecks(health, { catalog, messages, store, ...(which === 'sync' ? {} : { trees }) });
  resources.use(await startBeating(flow, { service: which, version: gantryVersion() }));
  if (which === 'sync') {
    await openSync(configuration, open, resources);
    const admin = await openSyncAdmin(configuration, open, resources);
    log.info({ ...(admin !== undefined && { admin: admin.url }) }, 'sync.started');
    return admin === undefined ? {} : { syncAdmin: admin };
  }
  const treeServers = which === 'all' ? await openTreeServers(configuration, resources) : new Map();
  const treeServer = treeServers.get(MAIN_TREE);
  const crane = which === 'all' ? await openCrane(configuration, treeServer, log, resources) : undefined;
  if (which === 'all') await openSync(configuration, open, resources);
  const { promote, admin } = await openPromote(
    configuration,
    { ...open, trees: trees.map((tree) => ({ ...tree, ...signing.get(tree.name) })) },
    crane,
    log,
    resources,
  );
  return {
    promote,
    admin,
    ...(crane === undefined ? {} : { crane }),
    treeServers,
  };
}

/** What the services of one process share. */
type OpenParts = OpenFlow & {
  readonly messages: Messages;
  readonly health: Health;
  readonly metrics: Metrics;
};

async function openSync(
  configuration: Configuration,
  { flow, messages, metrics }: OpenParts,
  resources: AsyncDisposableStack,
): Promise<void> {
  const sources = await openSources(configuration.sources, resources, metrics);
  resources.use(await startSync({ flow, messages, sources, metrics }));
}

/** Health and figures of a sync service that runs by itself. */
async function openSyncAdmin(
  { sync }: Configuration,
  { health, metrics }: OpenParts,
  resources: AsyncDisposableStack,
): Promise<RunningServer | undefined> {
  if (sync.adminListen === undefined) return undefined;
  const server = createServer(SERVER_LIMITS, adminListener(createAdminHandler(health, metrics)));
  const running = resources.use(await listen(server, sync.adminListen, 'sync.adminListen'));
  resources.defer(() => health.drain());
  return running;
}

async function openTreeServers(
  configuration: Configuration,
  resources: AsyncDisposableStack,
): Promise<ReadonlyMap<string, RunningServer>> {
  const servers = new Map<string, RunningServer>();
  for (const name of [MAIN_TREE, ...Object.keys(configuration.trees)]) {
    const tree = treeSettings(configuration, name);
    if (tree.listen === undefined || !('filesystem' in tree)) continue;
    const server = await startTreeServer(tree.filesystem.root, tree.listen, `${treeKey(name)}.listen`);
    servers.set(name, resources.use(server));
  }
  return servers;
}

async function openPromote(
  configuration: Configuration,
  { flow, messages, channels, trees, health, metrics }: OpenParts,
  crane: Crane | undefined,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<{ promote: PromoteService; admin: { file: string; token: string } }> {
  const { api, sources, crane: craneConfiguration } = configuration;
  const known = await openAuthenticator(configuration, flow);
  const { tree: readFrom } = craneConfiguration;
  const { tree: ourTree } = configuration;
  const readsOurTree =
    readFrom !== undefined &&
    'directory' in readFrom &&
    'filesystem' in ourTree &&
    readFrom.directory === ourTree.filesystem.root;
  const served =
    crane === undefined || !readsOurTree ? undefined : (serial: number) => waitUntilServed(crane, serial);
  const published = trees.map((tree) =>
    createPublisher(flow, served === undefined || tree.name !== MAIN_TREE ? tree : { ...tree, served }),
  );
  const publishers = await followWithLayouts(configuration, flow, published, metrics, resources);
  const followed = await followedMirrors(configuration, log);
  const promote = resources.use(
    await startPromote({
      flow,
      messages,
      publishers,
      channels,
      sources: knownSources(sources),
      collection: collectionOf(configuration),
      ...(followed !== undefined && { confirm: followed }),
      commandScopes: configuration.messages.commandScopes,
      listen: api.listen,
      ...(api.tls === undefined ? {} : { tls: api.tls }),
      authenticator: known.authenticator,
      ...(await openPullTokens(configuration, known.authenticator, flow, resources)),
      configuredTokens: known.configuredTokens,
      isReadOnly: api.readOnly,
      callerRate: api.limits,
      trustedProxies: readTrustedProxies(api.trustedProxies, 'api.trustedProxies'),
      health,
      metrics,
    }),
  );
  if (api.tls === undefined && !isLoopbackAddress(promote.address)) {
    const warning = `the API listens on ${formatListenAddress(promote.address)} without TLS, so tokens can be read on the way there: set api.tls, or listen on loopback behind a TLS server`;
    log.warn({ warning }, 'configuration.warning');
  }
  log.info({ api: formatListenAddress(api.listen), adminTokenFile: known.admin.file }, 'promote.started');
  return { promote, admin: known.admin };
}

/** What is kept of the sources' candidates, and when what nothing needs is deleted. */
function collectionOf({ sources, gc }: Configuration): PromoteServiceOptions['collection'] {
  const { everyMs, scrub } = gc;
  return {
    sources: sources.map(({ name, keep }) => ({ name, ...(keep !== undefined && { keep }) })),
    graceMs: gc.graceMs,
    rules: {
      everyMs,
      scrubBytesPerSecond: scrub?.bytesPerSecond ?? SCRUB_BYTES_PER_SECOND,
      ...(scrub !== undefined && { scrubEveryMs: scrub.everyMs }),
    },
  };
}

/** The mirrors that the crane sends to, as who follows them needs to know them. */
async function followedMirrors(
  configuration: Configuration,
  log: Logger,
): Promise<PromoteServiceOptions['confirm']> {
  const { crane, tree } = configuration;
  if (crane.mirrors === undefined || tree.confirm === undefined) return undefined;
  const [trees, redirectors] = [
    crane.mirrors.filter(({ mirrormanager }) => mirrormanager === undefined),
    crane.mirrors.filter(({ mirrormanager }) => mirrormanager !== undefined),
  ];
  for (const { name } of redirectors)
    log.info(
      { mirror: name, reason: 'it is a MirrorManager, each of whose mirrors has a serial of its own' },
      'mirror.not_confirmed',
    );
  const signUrl = crane.signedUrls && (await openSigner(crane.signedUrls));
  return {
    mirrors: trees.map(({ name, url, repositories, signed }) => ({
      name,
      url,
      repositories,
      ...(signed && signUrl !== undefined && { addressOf: (path) => signUrl(`${url}/`, path) }),
    })),
    rules: tree.confirm,
    trustedKeys: await openTrustedKeys(configuration),
  };
}

async function waitUntilServed(crane: Crane, serial: number): Promise<void> {
  const deadline = performance.now() + SERVED_LIMIT_MS;
  while ((crane.serial() ?? 0) < serial) {
    if (performance.now() > deadline) {
      throw new Fault(
        'UNAVAILABLE',
        `the crane still serves serial ${crane.serial() ?? 0}, and ${serial} is published: see its log`,
      );
    }
    await crane.refresh();
    if ((crane.serial() ?? 0) < serial) await pause(50);
  }
}
