import type { PublicationAnswer } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { formatBytes, formatTime } from '../output/text.ts';
import { writeList } from '../output/write.ts';
import { examples } from '../program.ts';

interface Options {
  readonly tree?: string;
}

/** `gantry publications`: the history of a tree. */
export const addPublications: AddCommand = (program, cli) => {
  program
    .command('publications')
    .summary('list what was published')
    .description('Lists what was published, the newest first.')
    .option('--tree <name>', 'of this tree; absent: of the main one')
    .addHelpText('after', examples('gantry publications', 'gantry publications --tree internal'))
    .action(
      cli.act<Options>(async (options) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const publications = await Array.fromAsync(
          client.list<PublicationAnswer>(
            '/api/v1/publications',
            options.tree === undefined ? {} : { tree: options.tree },
            interruption.signal,
          ),
        );
        writeList(
          cli,
          options.output,
          publications,
          [
            { heading: 'SERIAL', cell: ({ serial }) => serial, align: 'right' },
            { heading: 'STATE', cell: ({ state }) => state },
            { heading: 'PUBLISHED', cell: ({ publishedAt }) => formatTime(publishedAt) },
            { heading: 'OBJECTS', cell: ({ added }) => added.objects, align: 'right' },
            { heading: 'BYTES', cell: ({ added }) => formatBytes(added.bytes), align: 'right' },
            { heading: 'PROMOTIONS', cell: ({ promotions }) => promotions.length, align: 'right' },
            { heading: 'ROOT', cell: ({ root }) => root },
          ],
          'nothing is published yet: "gantry promote REPO:TAG --to CHANNEL" does it',
        );
        return EXIT.done;
      }),
    );
};
