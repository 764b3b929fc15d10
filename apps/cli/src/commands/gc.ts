import { Fault } from '@gantry/oci';
import type { AddCommand } from '../cli.ts';
import { EXIT, exitOfTask } from '../exit-codes.ts';
import { type LocalOption, openOperations, withLocalOption } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { showCollection } from '../output/show-collection.ts';
import { reportTask } from '../output/show-task.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options extends LocalOption {
  readonly dryRun?: boolean;
  readonly scrub?: boolean;
  readonly wait: boolean;
}

/** `gantry gc`: deletes what nothing needs, while everything runs. */
export const addGc: AddCommand = (program, cli) => {
  const command = program
    .command('gc')
    .summary('delete what nothing needs, or look for damage')
    .description(
      'Deletes from the store and the trees what nothing needs any more and has been condemned for its grace.',
    )
    .option('--dry-run', 'only say what would be deleted')
    .option('--scrub', 'read the store through to find what is damaged, and fetch that again')
    .option('--wait', 'until the end (this is the default)', true)
    .option('--no-wait', 'do not wait for the end')
    .addHelpText('after', examples('gantry gc --dry-run', 'gantry gc', 'gantry gc --scrub --no-wait'));
  withLocalOption(command, cli).action(
    cli.act<Options>(async (options) => {
      const { dryRun = false, scrub = false, wait } = options;
      if (dryRun && scrub) throw new Fault('REQUEST_INVALID', '--scrub deletes nothing: it has no --dry-run');
      using interruption = cli.interruptible();
      await using operations = await openOperations(options, cli);
      using progress = createProgressDisplay(cli.stderr, cli.env);
      const request = { ...(dryRun && { dryRun }), ...(scrub && { scrub }) };
      const task = await operations.collect(request, { wait, signal: interruption.signal }, (now) =>
        progress.show(reportTask(now)),
      );
      progress[Symbol.dispose]();
      if (options.output === 'json') writeJson(cli.stdout, task);
      else showCollection(cli, task, options.output);
      return wait ? exitOfTask(task) : EXIT.done;
    }),
  );
};
