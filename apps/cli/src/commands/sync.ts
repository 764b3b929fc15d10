import { Fault } from '@gantry/oci';
import type { TaskAnswer } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { exitOfTask, EXIT } from '../exit-codes.ts';
import { type LocalOption, openOperations, withLocalOption } from '../open-operations.ts';
import type { Operations } from '../operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportTask, showTask } from '../output/show-task.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options extends LocalOption {
  readonly repository?: readonly string[];
  readonly tag?: readonly string[];
  readonly dryRun?: boolean;
  readonly wait: boolean;
}

/** `gantry sync`: pulls candidates now. */
export const addSync: AddCommand = (program, cli) => {
  const command = program
    .command('sync')
    .summary('pull candidates now')
    .description('Pulls candidates now.')
    .argument('[source]', 'a source; absent: all that there are')
    .option('--repository <name...>', 'these published names only')
    .option('--tag <name...>', 'these tags of the repositories only, also where their content was given up')
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
      const { tasks, failure } = await syncAll(source, options, cli);
      if (options.output === 'json') {
        if (source === undefined) writeJson(cli.stdout, { items: tasks, next: null });
        else if (tasks[0] !== undefined) writeJson(cli.stdout, tasks[0]);
      } else for (const task of tasks) showTask(cli, task);
      if (failure !== undefined) throw failure.error;
      return options.wait ? worstExit(tasks) : EXIT.done;
    }),
  );
};

/** What came of syncs that went on side by side. A failure is of one that could not be asked for, or not be followed. */
interface Synced {
  readonly tasks: readonly TaskAnswer[];
  readonly failure?: { readonly error: unknown };
}

async function syncAll(
  source: string | undefined,
  options: Options & GlobalOptions,
  cli: Cli,
): Promise<Synced> {
  using interruption = cli.interruptible();
  const { signal } = interruption;
  await using operations = await openOperations(options, cli);
  using progress = createProgressDisplay(cli.stderr, cli.env);
  const sources = source === undefined ? await allSources(operations, signal) : [source];
  const results = await Promise.allSettled(
    sources.map((name) => {
      const request = {
        source: name,
        ...(options.repository !== undefined && { repositories: options.repository }),
        ...(options.tag !== undefined && { tags: options.tag }),
        ...(options.dryRun === true && { dryRun: true }),
      };
      return operations.sync(request, { wait: options.wait, signal }, (task) =>
        progress.show(reportTask(task)),
      );
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  return {
    tasks: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    ...(failed !== undefined && { failure: { error: failed.reason } }),
  };
}

async function allSources(operations: Operations, signal: AbortSignal): Promise<readonly string[]> {
  const names = await operations.sources(signal);
  if (names.length > 0) return names;
  throw new Fault('REQUEST_INVALID', 'there is nothing to sync: no source is configured');
}

function worstExit(tasks: readonly TaskAnswer[]): number {
  const exits = tasks.map(exitOfTask).filter((exit) => exit !== EXIT.done);
  return exits.find((exit) => exit !== EXIT.tryAgain) ?? exits[0] ?? EXIT.done;
}
