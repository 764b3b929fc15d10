import { type ListedPromotionAnswer, readPromotion } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { nameOf } from '../output/names.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportPromotion } from '../output/show-promotion.ts';
import { formatTime } from '../output/text.ts';
import { writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import { followPromotion } from '../remote/follow-work.ts';
import { readFirst } from '../remote/read-first.ts';
import { readLimit } from '../words/count.ts';
import { readMoment } from '../words/moment.ts';
import { endWithPromotion } from './ended-with.ts';

interface ListOptions {
  readonly state?: string;
  readonly to?: string;
  readonly since?: string;
  readonly limit: string;
}

const PATH = '/api/v1/promotions';
const ITEMS_SHOWN = 2;

/** `gantry promotions`: what was asked for, and how far it has come. */
export const addPromotions: AddCommand = (program, cli) => {
  const command = program
    .command('promotions')
    .summary('list, show or cancel promotions')
    .description('Lists promotions, shows one, or cancels one that is not yet publishing.')
    .addHelpText(
      'after',
      examples(
        'gantry promotions --state gating',
        'gantry promotions show ID --wait',
        'gantry promotions cancel ID',
      ),
    );

  command
    .command('list', { isDefault: true })
    .summary('list them')
    .description('Lists them, the newest first.')
    .option('--state <state>', 'only those that are queued, gating, done, …')
    .option('--to <channel>', 'only those to this channel')
    .option('--since <time>', 'only those since then: 2d, 2026-11-21')
    .option('--limit <n>', 'so many at the most', '100')
    .action(
      cli.act<ListOptions>(async (options) => {
        const limit = readLimit(options.limit);
        const query = {
          state: options.state,
          to: options.to,
          since: options.since === undefined ? undefined : readMoment(options.since, '--since', 'back'),
        };
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const found = await readFirst<ListedPromotionAnswer>(client, PATH, query, limit, interruption.signal);
        writeList(
          cli,
          options.output,
          found,
          [
            { heading: 'ID', cell: ({ id }) => id },
            { heading: 'KIND', cell: ({ kind }) => kind },
            { heading: 'TO', cell: ({ to }) => to },
            { heading: 'STATE', cell: ({ state }) => state },
            { heading: 'SERIAL', cell: ({ serial }) => serial ?? '-', align: 'right' },
            { heading: 'CREATED', cell: ({ createdAt }) => formatTime(createdAt) },
            { heading: 'BY', cell: ({ requestedBy }) => requestedBy },
            { heading: 'WHAT', cell: describeItems },
          ],
          'there are no such promotions',
        );
        return EXIT.done;
      }),
    );

  command
    .command('show')
    .summary('show one, and follow it')
    .description('Shows one, and follows it where that is wanted.')
    .argument('<promotion>', 'its id')
    .option('--wait', 'until it has ended')
    .action(
      cli.act<{ readonly wait?: boolean }, [string]>(async (options, id) => {
        using interruption = cli.interruptible();
        const { signal } = interruption;
        await using client = await openClient(options, cli);
        const found = readPromotion(await client.get(`${PATH}/${encodeURIComponent(id)}`, {}, signal));
        using progress = createProgressDisplay(cli.stderr, cli.env);
        const following = { wait: options.wait === true, signal };
        const promotion = await followPromotion(client, found, following, (now) =>
          progress.show(reportPromotion(now)),
        );
        progress[Symbol.dispose]();
        return endWithPromotion(cli, options, promotion);
      }),
    );

  command
    .command('cancel')
    .summary('cancel one that is not yet publishing')
    .description('Cancels one that is not yet publishing.')
    .argument('<promotion>', 'its id')
    .action(
      cli.act<object, [string]>(async (options, id) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const path = `${PATH}/${encodeURIComponent(id)}`;
        const cancelled = readPromotion(await client.delete(path, {}, interruption.signal));
        return endWithPromotion(cli, options, cancelled);
      }),
    );
};

function describeItems({ items }: ListedPromotionAnswer): string {
  const names = [...new Set(items.map(nameOf))]; // a rollback has an item a channel
  const shown = names.slice(0, ITEMS_SHOWN).join(' ');
  return names.length > ITEMS_SHOWN ? `${shown} and ${names.length - ITEMS_SHOWN} more` : shown;
}
