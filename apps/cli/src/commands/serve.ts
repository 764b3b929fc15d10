import { Argument } from 'commander';
import { createLogger, loadConfiguration, logLevelOf, runUntilSignal } from '@gantry/service';
import { createRemoteOperations } from '../remote/remote-operations.ts';
import { createApiClient } from '../remote/client.ts';
import type { AddCommand, Cli } from '../cli.ts';
import { prepareFirstRun } from '../serve/first-run.ts';
import { type RunningServices, type ServiceName, SERVICES, startServices } from '../serve/start-services.ts';

interface ServeOptions {
  readonly config?: string;
  readonly demo?: boolean;
}

/** `gantry serve`: runs one service, or all in this process, until SIGTERM or Ctrl-C. */
export const addServe: AddCommand = (program, cli) => {
  program
    .command('serve')
    .summary('run one service, or all in one process')
    .description('Runs until SIGTERM or Ctrl-C. Without a configuration everything is kept under ./data.')
    .addArgument(new Argument('<service>', 'which').choices(SERVICES))
    .option(
      '--demo',
      'where no source is configured: sync sample images, promote one, and say how to pull it',
    )
    .action(cli.act<ServeOptions, [ServiceName]>((options, service) => serve(cli, service, options)));
};

async function serve(cli: Cli, service: ServiceName, options: ServeOptions): Promise<number> {
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
      const running = await startServices(service, configuration, log, resources);
      if (firstRun !== undefined && running.crane !== undefined && running.promote !== undefined) {
        const token = running.admin?.token;
        const url = running.promote.url;
        const client = createApiClient({ url, env: cli.env, ...(token === undefined ? {} : { token }) });
        await using operations = createRemoteOperations(client);
        const image = await firstRun.run(running.crane.url, operations, signal, tell);
        tell(`\ndocker pull ${new URL(running.crane.url).host}/${image}\n`);
      }
      tellWhere(running, configuration.tree.filesystem.root, tell);
    },
    {
      onStop: () => tell('Stopping …'),
      onError: (error) => log.error({ err: error }, 'stop.failed'),
    },
  );
}

/** What runs, and where the things lie that a user asks for next. */
function tellWhere(running: RunningServices, treeRoot: string, tell: (line: string) => void): void {
  const lines: [string, string | undefined][] = [
    ['Crane', running.crane?.url],
    [
      'API',
      running.promote && `${running.promote.url}/api/v1 (documentation at ${running.promote.url}/docs)`,
    ],
    [
      'Tree',
      running.promote &&
        (running.treeServer === undefined ? treeRoot : `${treeRoot} (served at ${running.treeServer.url})`),
    ],
    ['Token', running.admin?.file],
  ];
  for (const [what, where] of lines) if (where !== undefined) tell(`${what.padEnd(6)} ${where}`);
  tell('Ready. Ctrl-C ends it.');
}
