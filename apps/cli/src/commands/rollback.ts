import { Fault } from '@gantry/oci';
import type { AddCommand } from '../cli.ts';
import { openClient } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportPromotion } from '../output/show-promotion.ts';
import { examples } from '../program.ts';
import { createRemoteOperations } from '../remote/remote-operations.ts';
import { endWithPromotion } from './ended-with.ts';

interface Options {
  readonly tree?: string;
  readonly channel?: string;
  readonly repository?: readonly string[];
  readonly reason?: string;
  readonly wait: boolean;
}

/** `gantry rollback`: puts tags back to how they stood at a serial. */
export const addRollback: AddCommand = (program, cli) => {
  program
    .command('rollback')
    .summary('put tags back to how they stood at a serial')
    .description('Puts tags back to how they stood at a serial, as a promotion and a new serial.')
    .argument('<serial>', 'a serial of "gantry publications"')
    .option('--tree <name>', 'the tree that the serial is of; absent: the main one, or that of --channel')
    .option('--channel <name>', 'of this channel only')
    .option('--repository <name...>', 'of these published names only')
    .option('--reason <text>', 'why, for the record')
    .option('--wait', 'until it is published (this is the default)', true)
    .option('--no-wait', 'do not wait for the end')
    .addHelpText(
      'after',
      examples('gantry rollback 41', 'gantry rollback 41 --channel stable --reason "2.4.63 does not start"'),
    )
    .action(
      cli.act<Options, [string]>(async (options, serial) => {
        const request = {
          serial: readSerial(serial),
          ...(options.tree !== undefined && { tree: options.tree }),
          ...(options.channel !== undefined && { channel: options.channel }),
          ...(options.repository !== undefined && { repositories: options.repository }),
          reason: options.reason ?? `gantry rollback ${serial}`,
        };
        using interruption = cli.interruptible();
        await using operations = createRemoteOperations(await openClient(options, cli));
        using progress = createProgressDisplay(cli.stderr, cli.env);
        const following = { wait: options.wait, signal: interruption.signal };
        const promotion = await operations.rollback(request, following, (now) =>
          progress.show(reportPromotion(now)),
        );
        progress[Symbol.dispose]();
        return endWithPromotion(cli, options, promotion);
      }),
    );
};

function readSerial(text: string): number {
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new Fault('REQUEST_INVALID', `${JSON.stringify(text)} is not a serial: a whole number from 1 on is`);
}
