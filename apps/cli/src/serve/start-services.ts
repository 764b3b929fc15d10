import { isIP } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type Crane, startCrane } from '@gantry/app-crane';
import { type PromoteService, startPromote } from '@gantry/app-promote';
import { startSync } from '@gantry/app-sync';
import { type Messages, openMessages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import { createPublisher } from '@gantry/pipeline';
import {
  type Configuration,
  createHealth,
  createMetrics,
  createTokenTable,
  ensureAdminToken,
  formatListenAddress,
  type Logger,
  type Metrics,
  readTokens,
  type RunningServer,
} from '@gantry/service';
import { knownSources } from './known-sources.ts';
import { openFlow, type OpenFlow } from './open-flow.ts';
import { openSources } from './open-sources.ts';
import type { ServiceName } from './service-names.ts';
import { startTreeServer } from './tree-server.ts';

/** How long a promotion waits, at the most, for this process's own crane to serve its serial. */
const SERVED_LIMIT_MS = 30_000;

/** What runs now, for whoever tells the user. */
export interface RunningServices {
  readonly crane?: Crane;
  readonly promote?: PromoteService;
  readonly treeServer?: RunningServer;
  /** Where the administrator's token lies, and what it is. */
  readonly admin?: { readonly file: string; readonly token: string };
}

/**
 * Starts one service, or all in this process; `resources` ends them, the last first.
 * @throws Fault CONFIGURATION_INVALID for what is not there or can't be used, and what the services throw
 */
export async function startServices(
  which: ServiceName,
  configuration: Configuration,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<RunningServices> {
  if (which === 'crane') return { crane: await openCrane(configuration, undefined, log, resources) };

  const open = {
    ...(await openFlow(configuration, log, resources)),
    messages: resources.use(await openMessages(configuration.messages)),
  };
  if (which === 'sync') {
    await openSync(configuration, open, undefined, resources);
    return {};
  }
  const metrics = await createMetrics(which);
  const treeServer = await openTreeServer(which, configuration, resources);
  const crane = which === 'all' ? await openCrane(configuration, treeServer, log, resources) : undefined;
  if (which === 'all') await openSync(configuration, open, metrics, resources);
  const { promote, admin } = await openPromote(configuration, open, crane, metrics, log, resources);
  return {
    promote,
    admin,
    ...(crane === undefined ? {} : { crane }),
    ...(treeServer === undefined ? {} : { treeServer }),
  };
}

/** What the services of one process share. */
type OpenParts = OpenFlow & { readonly messages: Messages };

/** @param metrics where its figures are shown: with those of the API, where that runs in this process */
async function openSync(
  configuration: Configuration,
  open: OpenParts,
  metrics: Metrics | undefined,
  resources: AsyncDisposableStack,
): Promise<void> {
  const sources = await openSources(configuration.sources, resources, metrics);
  const { flow, messages } = open;
  resources.use(await startSync({ flow, messages, sources, ...(metrics === undefined ? {} : { metrics }) }));
}

async function openTreeServer(
  which: ServiceName,
  configuration: Configuration,
  resources: AsyncDisposableStack,
): Promise<RunningServer | undefined> {
  const { tree } = configuration;
  if (which !== 'all' || tree.listen === undefined) return undefined;
  return resources.use(await startTreeServer(tree.filesystem.root, tree.listen));
}

async function openCrane(
  configuration: Configuration,
  treeServer: RunningServer | undefined,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<Crane> {
  const { tree, mirrors, ...crane } = configuration.crane;
  return resources.use(
    await startCrane({
      ...crane,
      tree: 'url' in tree ? tree.url : tree.directory,
      mirrors: mirrors ?? ownMirror(crane.listen.host, treeServer),
      logger: log,
    }),
  );
}

/** The built-in server as the only mirror, if whoever reaches the crane reaches it by the same address. */
function ownMirror(craneHost: string, treeServer: RunningServer | undefined) {
  if (treeServer === undefined || treeServer.address.host !== craneHost) return [];
  const isAnyAddress = isIP(craneHost) !== 0 && /^[0:.]+$/.test(craneHost);
  return isAnyAddress ? [] : [{ name: 'built-in', url: treeServer.url, trusted: true }];
}

async function openPromote(
  configuration: Configuration,
  { flow, messages, tree }: OpenParts,
  crane: Crane | undefined,
  metrics: Metrics,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<{ promote: PromoteService; admin: { file: string; token: string } }> {
  const { api, channels, sources, crane: craneConfiguration } = configuration;
  const { file, token } = await ensureAdminToken(api.adminTokenFile);
  const tokens = createTokenTable([
    ...(await readTokens(api.tokens)),
    { name: 'admin', token, scopes: ['admin'] },
  ]);
  const readsOurTree =
    'directory' in craneConfiguration.tree &&
    craneConfiguration.tree.directory === configuration.tree.filesystem.root;
  const served =
    crane === undefined || !readsOurTree ? undefined : (serial: number) => waitUntilServed(crane, serial);
  const publisher = createPublisher(flow, served === undefined ? tree : { ...tree, served });
  const promote = resources.use(
    await startPromote({
      flow,
      messages,
      publisher,
      tree,
      channels,
      sources: knownSources(sources),
      commandScopes: configuration.messages.commandScopes,
      listen: api.listen,
      tokens,
      health: createHealth(),
      metrics,
    }),
  );
  log.info({ api: formatListenAddress(api.listen), adminTokenFile: file }, 'promote.started');
  return { promote, admin: { file, token } };
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
