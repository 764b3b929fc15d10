import { readPlan } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { exitOfPlan } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { showPlan } from '../output/show-plan.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

/** `gantry plans`: what dry runs found. */
export const addPlans: AddCommand = (program, cli) => {
  program
    .command('plans')
    .summary('show the plan that a dry run made')
    .description('Shows the plan that "gantry promote --dry-run" made.')
    .addHelpText('after', examples('gantry plans show ID', 'gantry plans show ID --verbose'))
    .command('show')
    .summary('show one as a diff')
    .description('Shows it as a diff.')
    .argument('<plan>', 'its id')
    .option('--verbose', 'whole digests, and what would stay as it is')
    .action(
      cli.act<{ readonly verbose?: boolean }, [string]>(async (options, id) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const path = `/api/v1/plans/${encodeURIComponent(id)}`;
        const plan = readPlan(await client.get(path, {}, interruption.signal));
        if (options.output === 'json') writeJson(cli.stdout, plan);
        else showPlan(cli.stdout, plan, { verbose: options.verbose === true });
        return exitOfPlan(plan);
      }),
    );
};
