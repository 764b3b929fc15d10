import {
  type Configuration,
  createLogger,
  type Logger,
  loadConfiguration,
  logLevelOf,
  MAIN_TREE,
  openServiceManager,
  type RunningServer,
  runUntilSignal,
  type TreeConfiguration,
} from '@gantry/service';
import type { Environment } from '../cli.ts';
import { mirrorsOf, openCraneOfWorkers } from './open-crane.ts';
import { reloadCraneOnHangup } from './reload-crane.ts';
import type { ServiceName } from './service-names.ts';
import type { RunningServices } from './start-services.ts';
import { withPlace } from './with-place.ts';

export interface ServeOptions {
  readonly config?: string;
  readonly demo?: boolean;
}

/** Runs services until SIGTERM or Ctrl-C. @returns the exit code */
export async function serve(cli: Environment, service: ServiceName, options: ServeOptions): Promise<number> {
  const load = () => loadConfiguration({ file: options.config, env: cli.env, cwd: cli.cwd });
  const loaded = await load();
  const isDemo = options.demo === true && service === 'all' && loaded.configuration.sources.length === 0;
  // In a first run the steps are told in words; the log is for what goes wrong.
  const level = isDemo && cli.env['GANTRY_LOG_LEVEL'] === undefined ? 'warn' : logLevelOf(cli.env);
  const log = createLogger({ name: service, level });
  const tell = (line: string) => void cli.stdout.write(`${line}\n`);
  for (const warning of loaded.warnings) log.warn({ warning }, 'configuration.warning');

  const manager = openServiceManager(cli.env, (error) => log.warn({ err: error }, 'notice.not_sent'));
  using _ = manager.isThere ? ignoreHangup() : undefined;
  return runUntilSignal(
    async (resources, signal) => {
      const firstRun = isDemo ? await firstRunOf(loaded.configuration, resources) : undefined;
      const configuration = firstRun?.configuration ?? loaded.configuration;
      const running = await start(service, configuration, log, resources, signal).catch((error: unknown) => {
        throw withPlace(error, loaded);
      });
      const { crane, treeServers } = running;
      const readAgain = async () => {
        const again = await load();
        const mirrors = mirrorsOf(again.configuration, treeServers?.get(MAIN_TREE));
        return { loaded: again, mirrors };
      };
      if (crane !== undefined) resources.use(reloadCraneOnHangup(crane, loaded, readAgain, manager, log));
      if (firstRun !== undefined && running.crane !== undefined && running.promote !== undefined) {
        const { url } = running.promote;
        const api = { url, token: running.admin?.token, env: cli.env };
        const image = await firstRun.run(running.crane.url, api, signal, tell);
        tell(`\ndocker pull ${new URL(running.crane.url).host}/${image}\n`);
      }
      tellWhere(running, configuration, tell);
      if (!signal.aborted) await manager.ready();
    },
    {
      onStop: () => {
        void manager.stopping();
        tell('Stopping …');
      },
      onError: (error) => log.error({ err: error }, 'stop.failed'),
    },
  );
}

/** Starts what is asked for. A crane loads nothing of the other services, which are the larger part of its memory otherwise. */
async function start(
  service: ServiceName,
  ...rest: readonly [Configuration, Logger, AsyncDisposableStack, AbortSignal]
): Promise<RunningServices> {
  const [configuration, log, resources] = rest;
  if (service === 'crane') return { crane: await openCraneOfWorkers(configuration, log, resources) };
  const { startServices } = await import('./start-services.ts');
  return startServices(service, ...rest);
}

async function firstRunOf(configuration: Configuration, resources: AsyncDisposableStack) {
  const { prepareFirstRun } = await import('./first-run.ts');
  return prepareFirstRun(configuration, resources);
}

const ignore = () => {};

/** "systemctl reload" is no reason to end: not before there is what could be reloaded, and not where nothing can. */
function ignoreHangup(): Disposable {
  process.on('SIGHUP', ignore);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', ignore) };
}

/** Where a tree lies, and at which address it is served. */
function whereTreeIs(tree: TreeConfiguration, server: RunningServer | undefined): string {
  const place = 'filesystem' in tree ? tree.filesystem.root : `the bucket ${tree.s3.bucket}`;
  return server === undefined ? place : `${place} (served at ${server.url})`;
}

/** What runs, and where the things lie that a user asks for next. */
function tellWhere(
  running: RunningServices,
  { tree, trees }: Configuration,
  tell: (line: string) => void,
): void {
  const { treeServers } = running;
  const lines: [string, string | undefined][] = [
    ['Crane', running.crane?.url],
    [
      'API',
      running.promote && `${running.promote.url}/api/v1 (documentation at ${running.promote.url}/docs)`,
    ],
    ['Tree', running.promote && whereTreeIs(tree, treeServers?.get(MAIN_TREE))],
    ...Object.entries(trees).map(([name, one]): [string, string | undefined] => [
      'Tree',
      running.promote && `${name}: ${whereTreeIs(one, treeServers?.get(name))}`,
    ]),
    ['Token', running.admin?.file],
    ['Sync', running.syncAdmin && `health and figures at ${running.syncAdmin.url}`],
  ];
  for (const [what, where] of lines) if (where !== undefined) tell(`${what.padEnd(6)} ${where}`);
  tell('Ready. Ctrl-C ends it.');
}
