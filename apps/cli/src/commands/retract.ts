import { Fault, parseReference, parseRepositoryName, quote } from '@gantry/oci';
import { readPromotion } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { openClient } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportPromotion } from '../output/show-promotion.ts';
import { examples } from '../program.ts';
import { followPromotion } from '../remote/follow-work.ts';
import { endWithPromotion } from './ended-with.ts';

interface Options {
  readonly reason: string;
  readonly wait?: boolean;
}

/** `gantry retract`: takes tags out of a channel. */
export const addRetract: AddCommand = (program, cli) => {
  program
    .command('retract')
    .summary('take tags out of a channel')
    .description(
      'Takes a tag, or all of a repository, out of a channel: a promotion, with a serial of its own.',
    )
    .argument('<channel>', 'the channel')
    .argument('<name>', 'REPO:TAG, or REPO for all of its tags')
    .requiredOption('--reason <text>', 'why, for the record')
    .option('--wait', 'until that is published')
    .option('--no-wait', 'come back as soon as it is accepted (this is the default)')
    .addHelpText(
      'after',
      examples('gantry retract stable fedora/httpd:2.4.63 --reason "does not start" --wait'),
    )
    .action(
      cli.act<Options, [string, string]>(async (options, channel, word) => {
        const query = { ...readName(word), reason: options.reason };
        using interruption = cli.interruptible();
        const { signal } = interruption;
        await using client = await openClient(options, cli);
        const path = `/api/v1/channels/${encodeURIComponent(channel)}/tags`;
        const accepted = readPromotion(await client.delete(path, query, signal));
        using progress = createProgressDisplay(cli.stderr, cli.env);
        const following = { wait: options.wait === true, signal };
        const promotion = await followPromotion(client, accepted, following, (now) =>
          progress.show(reportPromotion(now)),
        );
        progress[Symbol.dispose]();
        return endWithPromotion(cli, options, promotion);
      }),
    );
};

/** @throws Fault NAME_INVALID, TAG_INVALID, REQUEST_INVALID */
function readName(word: string): { repository: string; tag?: string } {
  if (!/[:@]/.test(word)) return { repository: parseRepositoryName(word) };
  const reference = parseReference(word);
  if ('tag' in reference) return reference;
  throw new Fault(
    'REQUEST_INVALID',
    `${quote(word)}: tags are taken back, by their names; "gantry purge DIGEST" takes out a digest`,
  );
}
