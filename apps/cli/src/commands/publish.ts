import type { AddCommand } from '../cli.ts';
import { type LocalOption, openOperations, withLocalOption } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportTask } from '../output/show-task.ts';
import { examples } from '../program.ts';
import { endWithTask } from './ended-with.ts';

interface Options extends LocalOption {
  readonly tree?: string;
  readonly wait: boolean;
}

/** `gantry publish`: publishes what is in the channels now. */
export const addPublish: AddCommand = (program, cli) => {
  const command = program
    .command('publish')
    .summary('publish what is in the channels')
    .description('Publishes what is in the channels, and puts back what is missing in the tree.')
    .option('--tree <name>', 'this tree only; main is the one that "tree" describes')
    .option('--wait', 'until the end (this is the default)', true)
    .option('--no-wait', 'do not wait for the end')
    .addHelpText('after', examples('gantry publish'));
  withLocalOption(command, cli).action(
    cli.act<Options>(async (options) => {
      const request = options.tree === undefined ? {} : { tree: options.tree };
      using interruption = cli.interruptible();
      await using operations = await openOperations(options, cli);
      using progress = createProgressDisplay(cli.stderr, cli.env);
      const following = { wait: options.wait, signal: interruption.signal };
      const task = await operations.publish(request, following, (now) => progress.show(reportTask(now)));
      progress[Symbol.dispose]();
      return endWithTask(cli, options, task);
    }),
  );
};
