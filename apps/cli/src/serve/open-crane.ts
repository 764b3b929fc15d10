import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import {
  type ChangeableOptions,
  type Crane,
  type CraneOptions,
  type MirrorOptions,
  startCrane,
} from '@gantry/app-crane';
import { Fault } from '@gantry/oci';
import type { Configuration, Logger, RunningServer, TreePlace } from '@gantry/service';
import { openRedirectJson } from './open-redirect-json.ts';
import { boundOldGeneration } from './old-generation.ts';
import { openTrustedKeys } from './open-keys.ts';
import { boundYoungGeneration } from './young-generation.ts';

/** A crane that runs, in this process or in several. */
export interface ServedCrane {
  readonly url: string;
  reconfigure(next: ChangeableOptions): void | Promise<void>;
  countRefusal(): void;
  reopenAccessLog(): void;
}

/** A crane in this process. @throws Fault CONFIGURATION_INVALID */
export async function openCrane(
  configuration: Configuration,
  treeServer: RunningServer | undefined,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<Crane> {
  return resources.use(await startCrane(await optionsOf(configuration, treeServer, log)));
}

/** A crane in as many processes as `crane.workers` says. @throws Fault CONFIGURATION_INVALID */
export async function openCraneOfWorkers(
  configuration: Configuration,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<ServedCrane> {
  const count = workersOf(configuration);
  if (count === 1) {
    boundOldGeneration();
    resources.use(boundYoungGeneration());
    return openCrane(configuration, undefined, log, resources);
  }
  const { startCraneWorkers } = await import('./crane-workers/start-crane-workers.ts');
  const options = await optionsOf(configuration, undefined, log);
  return resources.use(await startCraneWorkers(options, count, log));
}

/** What a crane that shares its process with other services can't be. @throws Fault CONFIGURATION_INVALID */
export function checkCraneBesideOthers(configuration: Configuration): void {
  checkTreeOfCrane(configuration);
  const { workers } = configuration.crane;
  if (workers === 1) return;
  throw new Fault(
    'CONFIGURATION_INVALID',
    `crane.workers is ${workers}, and "gantry serve all" is one process: leave it out, or run "gantry serve crane" beside "gantry serve sync" and "gantry serve promote"`,
    { key: 'crane.workers' },
  );
}

/** The crane's mirrors: those that are named, else the built-in server where there is one. */
export function mirrorsOf(
  { crane: { mirrors, listen: at, tls } }: Configuration,
  treeServer: RunningServer | undefined,
): readonly MirrorOptions[] {
  // It is http, and who comes by https is never sent there.
  return mirrors ?? (tls === undefined ? ownMirror(at.host, treeServer) : []);
}

function workersOf({ crane: { workers } }: Configuration): number {
  return workers === 'auto' ? availableParallelism() : workers;
}

async function optionsOf(
  configuration: Configuration,
  treeServer: RunningServer | undefined,
  logger: Logger,
): Promise<CraneOptions> {
  const { mirrors: _, workers: __, tree: ___, redirectJson: ____, ...crane } = configuration.crane;
  const tree = checkTreeOfCrane(configuration);
  const redirectJson = await openRedirectJson(configuration);
  return {
    ...crane,
    ...(tree !== undefined && { tree }),
    ...(redirectJson !== undefined && { redirectJson }),
    trustedKeys: await openTrustedKeys(configuration),
    mirrors: mirrorsOf(configuration, treeServer),
    logger,
  };
}

/** Where the crane reads the tree. @throws Fault CONFIGURATION_INVALID when nobody says so, and there is nothing else to serve */
function checkTreeOfCrane({ crane, tree }: Configuration): TreePlace | undefined {
  if (crane.tree !== undefined || crane.redirectJson.length > 0) return crane.tree;
  const bucket = 's3' in tree ? tree.s3.bucket : '';
  throw new Fault(
    'CONFIGURATION_INVALID',
    `crane.tree is missing: the tree is in tree.s3, the bucket ${bucket}, which the crane does not read by itself; write the http(s) address that the tree is served at`,
    { key: 'crane.tree' },
  );
}

/** The built-in server as the only mirror, if whoever reaches the crane reaches it by the same address. */
function ownMirror(craneHost: string, treeServer: RunningServer | undefined) {
  if (treeServer === undefined || treeServer.address.host !== craneHost) return [];
  const isAnyAddress = isIP(craneHost) !== 0 && /^[0:.]+$/.test(craneHost);
  return isAnyAddress ? [] : [{ name: 'built-in', url: treeServer.url, trusted: true }];
}
