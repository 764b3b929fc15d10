import type { CandidateAnswer } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { formatBytes, formatTime } from '../output/text.ts';
import { writeList } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options {
  readonly repository?: string;
  readonly tag?: string;
}

/** `gantry candidates`: lists what was synced. */
export const addCandidates: AddCommand = (program, cli) => {
  program
    .command('candidates')
    .summary('list what was synced')
    .description('Lists what was synced, the newest first.')
    .option('--repository <name>', 'of this published name only')
    .option('--tag <tag>', 'of this tag only')
    .addHelpText(
      'after',
      examples('gantry candidates --repository fedora/httpd', 'gantry candidates --output json'),
    )
    .action(
      cli.act<Options>(async (options) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const query = { repository: options.repository, tag: options.tag };
        const candidates = await Array.fromAsync(
          client.list<CandidateAnswer>('/api/v1/candidates', query, interruption.signal),
        );
        writeList(
          cli,
          options.output,
          candidates,
          [
            { heading: 'REPOSITORY', cell: ({ repository }) => repository },
            { heading: 'TAG', cell: ({ tag }) => tag },
            { heading: 'SIZE', cell: ({ size }) => formatBytes(size), align: 'right' },
            { heading: 'SYNCED', cell: ({ syncedAt }) => formatTime(syncedAt) },
            { heading: 'GONE', cell: ({ goneAt }) => (goneAt ? formatTime(goneAt) : '-') },
            { heading: 'SOURCE', cell: ({ source }) => source },
            { heading: 'PLATFORMS', cell: ({ platforms }) => platforms.join(',') || '-' },
            { heading: 'DIGEST', cell: ({ digest }) => digest },
          ],
          options.repository === undefined && options.tag === undefined
            ? 'there are no candidates yet: "gantry sync SOURCE" brings them'
            : 'there are no such candidates: names are the published ones, without the prefix of a channel',
        );
        return EXIT.done;
      }),
    );
};
