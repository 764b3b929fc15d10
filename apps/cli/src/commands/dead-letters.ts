import { Fault } from '@gantry/oci';
import { type DeadLetterAnswer, type QueueAnswer, readCount } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { formatTime, plural, printable } from '../output/text.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import type { ApiClient } from '../remote/client.ts';

interface QueueOption {
  readonly queue?: string;
}
interface ChoiceOptions {
  readonly queue: string;
  readonly all?: boolean;
}

const PATH = '/api/v1/dead-letters';
/** Where what comes from outside is parked. */
const COMMANDS = 'gantry.commands';
/** All queues. A client command need not load the pipeline for them. */
const QUEUES = `${COMMANDS}, gantry.promote, gantry.sync`;
/** Ids that the API takes at once. */
const IDS_AT_ONCE = 100;

/** `gantry dead-letters`: messages that are parked, to be looked at, replayed or thrown away. */
export const addDeadLetters: AddCommand = (program, cli) => {
  const command = program
    .command('dead-letters')
    .summary('list, replay or throw away messages that are parked')
    .description('Messages that failed five times, or are no events at all, are parked.')
    .addHelpText(
      'after',
      `\nOptions of the commands:
  --queue <name>             ${QUEUES}
                             (list: all of them unless said otherwise; replay and discard: ${COMMANDS})
  --all                      of replay and discard: all that the queue has`,
    )
    .addHelpText(
      'after',
      examples(
        'gantry dead-letters',
        'gantry dead-letters --queue gantry.sync',
        'gantry dead-letters replay --queue gantry.commands --all',
        'gantry dead-letters discard ID --queue gantry.commands',
      ),
    );

  command
    .command('list', { isDefault: true })
    .description('Lists them, the oldest of a queue first.')
    .option('--queue <name>', `of this queue only: one of ${QUEUES}`)
    .action(
      cli.act<QueueOption>(async (options) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const letters = await listLetters(client, options.queue, interruption.signal);
        writeList(
          cli,
          options.output,
          letters,
          [
            { heading: 'QUEUE', cell: ({ queue }) => queue },
            { heading: 'ID', cell: ({ id }) => id },
            { heading: 'PARKED', cell: ({ parkedAt }) => (parkedAt === null ? '-' : formatTime(parkedAt)) },
            { heading: 'ROUTING KEY', cell: ({ routingKey }) => routingKey },
            { heading: 'MESSAGE', cell: describeMessage },
            { heading: 'REASON', cell: ({ reason }) => reason ?? '-' },
          ],
          'no message is parked',
        );
        return EXIT.done;
      }),
    );

  command
    .command('replay')
    .description('Puts parked messages back into their queue, to be tried anew.')
    .argument('[id...]', 'of "gantry dead-letters"')
    .option('--queue <name>', `the queue that they belong to: one of ${QUEUES}`, COMMANDS)
    .option('--all', 'all that the queue has')
    .action(
      cli.act<ChoiceOptions, [readonly string[]]>(async (options, ids) => {
        checkChoice(ids, options);
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const body = { queue: options.queue, ...(ids.length > 0 && { ids }) };
        const answer = await client.post(`${PATH}/replay`, body, interruption.signal);
        const count = readCount(answer, 'replayed');
        return tellCount(cli, options, { done: 'replayed', count, asked: ids.length });
      }),
    );

  command
    .command('discard')
    .description('Throws parked messages away.')
    .argument('[id...]', 'of "gantry dead-letters"')
    .option('--queue <name>', `the queue that they belong to: one of ${QUEUES}`, COMMANDS)
    .option('--all', 'all that the queue has now')
    .action(
      cli.act<ChoiceOptions, [readonly string[]]>(async (options, ids) => {
        checkChoice(ids, options);
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const { signal } = interruption;
        const letters = ids.length > 0 ? [] : await listLetters(client, options.queue, signal);
        const chosen = ids.length > 0 ? ids : letters.map(({ id }) => id);
        let count = 0;
        for (let at = 0; at < chosen.length; at += IDS_AT_ONCE) {
          const id = chosen.slice(at, at + IDS_AT_ONCE);
          count += readCount(await client.delete(PATH, { queue: options.queue, id }, signal), 'discarded');
        }
        return tellCount(cli, options, { done: 'discarded', count, asked: ids.length });
      }),
    );
};

async function listLetters(
  client: ApiClient,
  queue: string | undefined,
  signal: AbortSignal,
): Promise<DeadLetterAnswer[]> {
  const queues =
    queue === undefined
      ? await Array.fromAsync(client.list<QueueAnswer>('/api/v1/queues', {}, signal), ({ name }) => name)
      : [queue];
  const letters: DeadLetterAnswer[] = [];
  for (const name of queues)
    letters.push(...(await Array.fromAsync(client.list<DeadLetterAnswer>(PATH, { queue: name }, signal))));
  return letters;
}

function checkChoice(ids: readonly string[], { all }: ChoiceOptions): void {
  if (ids.length > 0 && all !== true) return;
  if (ids.length === 0 && all === true) return;
  throw new Fault(
    'REQUEST_INVALID',
    ids.length === 0 ? 'which ones? Write their ids, or --all' : 'write ids or --all, not both',
  );
}

function tellCount(
  { stdout, stderr }: Cli,
  { output, queue }: GlobalOptions & ChoiceOptions,
  { done, count, asked }: { done: 'replayed' | 'discarded'; count: number; asked: number },
): number {
  if (output === 'json') writeJson(stdout, { [done]: count });
  else stdout.write(`${plural(count, 'message')} of ${printable(queue)} ${done}\n`);
  if (count >= asked) return EXIT.done;
  stderr.write(`gantry: ${asked - count} of the ${asked} ids are not parked in ${printable(queue)}\n`);
  return EXIT.failed;
}

const SHOWN_LENGTH = 60;

function describeMessage({ event, text }: DeadLetterAnswer): string {
  if (event !== null) return `${event.id} from ${event.source}`;
  const shown = text ?? '';
  return JSON.stringify(shown.length > SHOWN_LENGTH ? `${shown.slice(0, SHOWN_LENGTH)}…` : shown);
}
