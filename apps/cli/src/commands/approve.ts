import { readPromotion } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { gateProgress } from '../output/show-gates.ts';
import { summary } from '../output/show-promotion.ts';
import { printable } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options {
  readonly comment?: string;
  readonly withdraw?: boolean;
}

/** `gantry approve`: says yes to a promotion that waits for it. */
export const addApprove: AddCommand = (program, cli) => {
  program
    .command('approve')
    .summary('say yes to a promotion that waits for it')
    .description('Says yes to a promotion that waits for approvals, or takes that back.')
    .argument('<promotion>', 'its id')
    .option('--comment <text>', 'for the record')
    .option('--withdraw', 'take your own approval back, while the promotion waits')
    .addHelpText(
      'after',
      examples('gantry approve ID --comment "release notes are out"', 'gantry approve ID --withdraw'),
    )
    .action(
      cli.act<Options, [string]>(async (options, id) => {
        using interruption = cli.interruptible();
        const { signal } = interruption;
        await using client = await openClient(options, cli);
        const path = `/api/v1/promotions/${encodeURIComponent(id)}/approvals`;
        const body = options.comment === undefined ? {} : { comment: options.comment };
        const promotion = readPromotion(
          options.withdraw === true
            ? await client.delete(path, {}, signal)
            : await client.post(path, body, signal),
        );
        if (options.output === 'json') writeJson(cli.stdout, promotion);
        else {
          const names = (promotion.approvals ?? []).map(({ by }) => by).join(', ');
          cli.stdout.write(`${printable(summary(promotion))}, approved by ${printable(names || 'nobody')}\n`);
          const lines = gateProgress(promotion);
          // The answer comes before the gates were asked with what it tells of.
          if (lines.length > 0) cli.stdout.write('the gates are asked again now; before, they said:\n');
          for (const line of lines) cli.stdout.write(`  ${printable(line)}\n`);
        }
        return EXIT.done;
      }),
    );
};
