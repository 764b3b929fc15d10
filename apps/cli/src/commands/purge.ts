import { Fault, parseDigest } from '@gantry/oci';
import { readTask } from '../answers.ts';
import type { AddCommand, Cli } from '../cli.ts';
import { openClient } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportTask } from '../output/show-task.ts';
import { examples } from '../program.ts';
import { followTask } from '../remote/follow-work.ts';
import { endWithTask } from './ended-with.ts';

interface Options {
  readonly reason: string;
  readonly yes?: boolean;
  readonly wait?: boolean;
}

/** `gantry purge`: takes an object out of everything, for good. */
export const addPurge: AddCommand = (program, cli) => {
  program
    .command('purge')
    .summary('take an object out of everything, for good')
    .description(
      'Takes a manifest or blob out of channels, tree, kept snapshots and store at once, past every grace, and keeps it out of later syncs. For leaked secrets and legal cases.',
    )
    .argument('<digest>', 'of a manifest or a blob')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--yes', 'do not ask')
    .option('--wait', 'until it is done')
    .option('--no-wait', 'come back as soon as it is accepted (this is the default)')
    .addHelpText('after', examples('gantry purge sha256:… --reason "a private key is in it" --wait'))
    .action(
      cli.act<Options, [string]>(async (options, word) => {
        const digest = parseDigest(word);
        using interruption = cli.interruptible();
        const { signal } = interruption;
        if (options.yes !== true) await confirm(digest, cli, signal);
        await using client = await openClient(options, cli);
        const body = { digest, reason: options.reason };
        const accepted = readTask(await client.post('/api/v1/purges', body, signal));
        using progress = createProgressDisplay(cli.stderr, cli.env);
        const following = { wait: options.wait === true, signal };
        const task = await followTask(client, accepted, following, (now) => progress.show(reportTask(now)));
        progress[Symbol.dispose]();
        return endWithTask(cli, options, task);
      }),
    );
};

/** @throws Fault REQUEST_INVALID unless somebody says yes */
async function confirm(digest: string, { ask }: Cli, signal: AbortSignal): Promise<void> {
  if (ask === undefined) {
    throw new Fault('REQUEST_INVALID', 'nobody can be asked here whether to purge it for good: say --yes');
  }
  const answer = await ask(
    `${digest} goes from everywhere at once, and never comes back.\nWrite yes to purge it: `,
    signal,
  );
  if (answer.trim().toLowerCase() !== 'yes') throw new Fault('REQUEST_INVALID', 'nothing was purged');
}
