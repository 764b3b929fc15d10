import type { LeaseAnswer, QueueAnswer, WorkerAnswer } from '../answers.ts';
import type { AddCommand, Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import type { Column } from '../output/table.ts';
import { formatTime } from '../output/text.ts';
import { writeList } from '../output/write.ts';
import { examples } from '../program.ts';

/** `gantry workers`: the processes that share the work. */
export const addWorkers: AddCommand = (program, cli) => {
  program
    .command('workers')
    .summary('list the processes that share the work')
    .description('Lists the processes that share the work: those that were heard of in the last 20 seconds.')
    .addHelpText('after', examples('gantry workers', 'gantry workers --output json'))
    .action(
      showList<WorkerAnswer>(
        cli,
        '/api/v1/workers',
        [
          { heading: 'SERVICE', cell: ({ service }) => service },
          { heading: 'HOST', cell: ({ host }) => host },
          { heading: 'PID', cell: ({ pid }) => pid, align: 'right' },
          { heading: 'VERSION', cell: ({ version }) => version },
          { heading: 'STARTED', cell: ({ startedAt }) => formatTime(startedAt) },
          { heading: 'SEEN', cell: ({ seenAt }) => formatTime(seenAt) },
          { heading: 'ID', cell: ({ id }) => id },
        ],
        'no worker is there',
      ),
    );
};

/** `gantry leases`: who has what must be single. */
export const addLeases: AddCommand = (program, cli) => {
  program
    .command('leases')
    .summary('list who has what only one may have')
    .description('Lists who publishes, runs a task, or does anything else that only one may do at a time.')
    .addHelpText('after', examples('gantry leases'))
    .action(
      showList<LeaseAnswer>(
        cli,
        '/api/v1/leases',
        [
          { heading: 'LEASE', cell: ({ name }) => name },
          { heading: 'HOLDER', cell: ({ holder }) => holder },
          { heading: 'FENCE', cell: ({ fence }) => fence, align: 'right' },
          { heading: 'EXPIRES', cell: ({ expiresAt }) => formatTime(expiresAt) },
        ],
        'nobody holds a lease: nothing is being done',
      ),
    );
};

/** `gantry queues`: how much waits. */
export const addQueues: AddCommand = (program, cli) => {
  program
    .command('queues')
    .summary('show how much waits')
    .description('Shows of each queue how many messages wait, are being worked on, and are parked.')
    .addHelpText('after', examples('gantry queues', 'gantry queues --output json'))
    .action(
      showList<QueueAnswer>(
        cli,
        '/api/v1/queues',
        [
          { heading: 'QUEUE', cell: ({ name }) => name },
          { heading: 'READY', cell: ({ ready }) => ready, align: 'right' },
          { heading: 'UNACKNOWLEDGED', cell: ({ unacknowledged }) => unacknowledged, align: 'right' },
          { heading: 'DEAD', cell: ({ dead }) => dead, align: 'right' },
        ],
        'there are no queues',
      ),
    );
};

function showList<T>(cli: Cli, path: string, columns: readonly Column<T>[], nothing: string) {
  return cli.act(async (options) => {
    using interruption = cli.interruptible();
    await using client = await openClient(options, cli);
    const items = await Array.fromAsync(client.list<T>(path, {}, interruption.signal));
    writeList(cli, options.output, items, columns, nothing);
    return EXIT.done;
  });
}
