import type { ReadOnlyAnswer } from '../access-answers.ts';
import { readAnswer } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { formatTime, printable } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';

const PATH = '/api/v1/read-only';

/** `gantry read-only`: refuses all changes for a while, without stopping what reads. */
export const addReadOnly: AddCommand = (program, cli) => {
  const command = program
    .command('read-only')
    .summary('refuse changes for a while, or say whether they are')
    .description('Refuses changes for a while: they are answered with 503, and clients try again later.')
    .addHelpText(
      'after',
      examples(
        'gantry read-only on --reason "the disk is moved"',
        'gantry read-only',
        'gantry read-only off',
      ),
    );
  command
    .command('status', { isDefault: true })
    .summary('say whether changes are refused')
    .description('Says whether changes are refused.')
    .action(
      cli.act(async (options) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        return tell(cli, options, await client.get(PATH, {}, interruption.signal));
      }),
    );
  for (const on of [true, false]) {
    command
      .command(on ? 'on' : 'off')
      .summary(on ? 'refuse changes from now on' : 'allow changes again')
      .description(on ? 'Refuses changes from now on.' : 'Allows changes again.')
      .option('--reason <text>', 'why, for those who are refused and for the record')
      .action(
        cli.act<{ readonly reason?: string }>(async (options) => {
          const body = { on, ...(options.reason !== undefined && { reason: options.reason }) };
          using interruption = cli.interruptible();
          await using client = await openClient(options, cli);
          return tell(cli, options, await client.post(PATH, body, interruption.signal));
        }),
      );
  }
};

function tell({ stdout }: Cli, { output }: GlobalOptions, answer: unknown): number {
  const { on, reason, by, at } = readAnswer<ReadOnlyAnswer>(answer, 'a mode', { on: 'boolean' });
  if (output === 'json') writeJson(stdout, answer);
  else {
    const who = by && at ? `, by ${by}, since ${formatTime(at)}` : '';
    stdout.write(
      `read-only: ${on ? 'on' : 'off'}${printable(who)}${reason ? `: ${printable(reason)}` : ''}\n`,
    );
  }
  return EXIT.done;
}
