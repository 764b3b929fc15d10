import { Fault } from '@gantry/oci';
import { loadConfiguration } from '@gantry/service';
import type { TaskAnswer } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { exitOfTask, EXIT } from '../exit-codes.ts';
import { type LocalOption, openOperations, withLocalOption } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportTask, showTask } from '../output/show-task.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options extends LocalOption {
  readonly repository?: readonly string[];
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

/** `gantry sync`: pulls candidates now. */
export const addSync: AddCommand = (program, cli) => {
  const command = program
    .command('sync')
    .summary('pull candidates now')
    .description('Pulls candidates now.')
    .argument('[source]', 'a source of the configuration; absent: all of them')
    .option('--repository <name...>', 'these published names only')
    .option('--dry-run', 'only say what would be taken, and by which rule')
    .option('--wait', 'until the end (this is the default)', true)
    .option('--no-wait', 'do not wait for the end')
    .addHelpText(
      'after',
      examples(
        'gantry sync candidates',
        'gantry sync candidates --repository fedora/httpd',
        'gantry sync --no-wait',
      ),
    );
  withLocalOption(command, cli).action(
    cli.act<Options, [string | undefined]>(async (options, source) => {
      const sources = source === undefined ? await configuredSources(options, cli) : [source];
      const tasks = await syncAll(sources, options, cli);
      if (options.output === 'json')
        writeJson(cli.stdout, source === undefined ? { items: tasks, next: null } : tasks[0]);
      else for (const task of tasks) showTask(cli, task);
      return options.wait ? worstExit(tasks) : EXIT.done;
    }),
  );
};

async function syncAll(
  sources: readonly string[],
  options: Options & GlobalOptions,
  cli: Cli,
): Promise<TaskAnswer[]> {
  using interruption = cli.interruptible();
  await using operations = await openOperations(options, cli);
  using progress = createProgressDisplay(cli.stderr, cli.env);
  const following = { wait: options.wait, signal: interruption.signal };
  const tasks: TaskAnswer[] = [];
  for (const source of sources) {
    const request = {
      source,
      ...(options.repository !== undefined && { repositories: options.repository }),
      ...(options.dryRun === true && { dryRun: true }),
    };
    tasks.push(await operations.sync(request, following, (task) => progress.show(reportTask(task))));
  }
  return tasks;
}

async function configuredSources(options: GlobalOptions, cli: Cli): Promise<string[]> {
  const { configuration } = await loadConfiguration({ file: options.config, env: cli.env, cwd: cli.cwd });
  const names = configuration.sources.map(({ name }) => name);
  if (names.length > 0) return names;
  throw new Fault(
    'REQUEST_INVALID',
    'no source stands in the configuration here: say which one the server is to sync, "gantry sync SOURCE"',
  );
}

function worstExit(tasks: readonly TaskAnswer[]): number {
  const exits = tasks.map(exitOfTask).filter((exit) => exit !== EXIT.done);
  return exits.find((exit) => exit !== EXIT.tryAgain) ?? exits[0] ?? EXIT.done;
}
