import {
  type Configuration,
  createLogger,
  loadConfiguration,
  logLevelOf,
  runUntilSignal,
} from '@gantry/service';
import type { Environment } from '../cli.ts';
import { createApiClient } from '../remote/client.ts';
import { createRemoteOperations } from '../remote/remote-operations.ts';
import { readCertificate } from '../remote/server-address.ts';
import { prepareFirstRun } from './first-run.ts';
import type { ServiceName } from './service-names.ts';
import { type RunningServices, startServices } from './start-services.ts';

export interface ServeOptions {
  readonly config?: string;
  readonly demo?: boolean;
}

/** Runs services until SIGTERM or Ctrl-C. @returns the exit code */
export async function serve(cli: Environment, service: ServiceName, options: ServeOptions): Promise<number> {
  const loaded = await loadConfiguration({ file: options.config, env: cli.env, cwd: cli.cwd });
  const isDemo = options.demo === true && service === 'all' && loaded.configuration.sources.length === 0;
  // In a first run the steps are told in words; the log is for what goes wrong.
  const level = isDemo && cli.env['GANTRY_LOG_LEVEL'] === undefined ? 'warn' : logLevelOf(cli.env);
  const log = createLogger({ name: service, level });
  const tell = (line: string) => void cli.stdout.write(`${line}\n`);
  for (const warning of loaded.warnings) log.warn({ warning }, 'configuration.warning');

  return runUntilSignal(
    async (resources, signal) => {
      const firstRun = isDemo ? await prepareFirstRun(loaded.configuration, resources) : undefined;
      const configuration = firstRun?.configuration ?? loaded.configuration;
      const running = await startServices(service, configuration, log, resources, signal);
      if (firstRun !== undefined && running.crane !== undefined && running.promote !== undefined) {
        const token = running.admin?.token;
        const url = running.promote.url;
        const client = createApiClient({
          url,
          env: cli.env,
          ...(token === undefined ? {} : { token }),
          ...(await readCertificate(configuration, url)),
        });
        await using operations = createRemoteOperations(client);
        const image = await firstRun.run(running.crane.url, operations, signal, tell);
        tell(`\ndocker pull ${new URL(running.crane.url).host}/${image}\n`);
      }
      tellWhere(running, treeName(configuration), tell);
    },
    {
      onStop: () => tell('Stopping …'),
      onError: (error) => log.error({ err: error }, 'stop.failed'),
    },
  );
}

function treeName({ tree }: Configuration): string {
  return 'filesystem' in tree ? tree.filesystem.root : `the bucket ${tree.s3.bucket}`;
}

/** What runs, and where the things lie that a user asks for next. */
function tellWhere(running: RunningServices, tree: string, tell: (line: string) => void): void {
  const lines: [string, string | undefined][] = [
    ['Crane', running.crane?.url],
    [
      'API',
      running.promote && `${running.promote.url}/api/v1 (documentation at ${running.promote.url}/docs)`,
    ],
    [
      'Tree',
      running.promote &&
        (running.treeServer === undefined ? tree : `${tree} (served at ${running.treeServer.url})`),
    ],
    ['Token', running.admin?.file],
    ['Sync', running.syncAdmin && `health and figures at ${running.syncAdmin.url}`],
  ];
  for (const [what, where] of lines) if (where !== undefined) tell(`${what.padEnd(6)} ${where}`);
  tell('Ready. Ctrl-C ends it.');
}
