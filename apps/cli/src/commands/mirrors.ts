import { setTimeout as pause } from 'node:timers/promises';
import { Fault, quote } from '@gantry/oci';
import { DURATION, parseDuration } from '@gantry/service';
import type { PublicationAnswer } from '../answers.ts';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import type { MirrorAnswer, SerialAtMirrorAnswer } from '../mirror-answers.ts';
import { openClient } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { reportSerialAtMirrors, showSerialAtMirrors } from '../output/show-mirrors.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import type { ApiClient } from '../remote/client.ts';

interface Options {
  /** true: named without a serial. */
  readonly wait?: string | true;
  readonly timeout?: string;
}

const LOOK_MS = 1000;

/** `gantry mirrors`: what each mirror serves, and whether all have a serial. */
export const addMirrors: AddCommand = (program, cli) => {
  program
    .command('mirrors')
    .summary('list the mirrors, or wait until they have a serial')
    .description(
      'Lists the mirrors that crane.mirrors names, how far each is behind and what it serves rightly; or waits until all of them have a serial. Exit 0: they have it; 75: some are late, or the time is over.',
    )
    .option('--wait [serial]', 'until all have it; without a serial the newest one')
    .option(
      '--timeout <time>',
      'with --wait: no longer than that, for instance 10m; absent: until the others are late',
    )
    .addHelpText('after', examples('gantry mirrors', 'gantry mirrors --wait 43 --timeout 10m'))
    .action(
      cli.act<Options>(async (options) => {
        if (options.wait !== undefined) return waitForMirrors(cli, options, options.wait);
        if (options.timeout !== undefined)
          throw new Fault(
            'REQUEST_INVALID',
            '--timeout goes with --wait: name the serial that is waited for',
          );
        return listMirrors(cli, options);
      }),
    );
};

async function listMirrors(cli: Cli, options: GlobalOptions): Promise<number> {
  using interruption = cli.interruptible();
  await using client = await openClient(options, cli);
  const mirrors = await Array.fromAsync(
    client.list<MirrorAnswer>('/api/v1/mirrors', {}, interruption.signal),
  );
  writeList(
    cli,
    options.output,
    mirrors,
    [
      { heading: 'MIRROR', cell: ({ name }) => name },
      { heading: 'SERIAL', cell: ({ serial }) => serial ?? '-', align: 'right' },
      { heading: 'CONFIRMED', cell: ({ confirmed }) => confirmed ?? '-', align: 'right' },
      { heading: 'BEHIND', cell: ({ lag }) => lag?.serials ?? '-', align: 'right' },
      { heading: 'SECONDS', cell: ({ lag }) => lag?.seconds ?? '-', align: 'right' },
      { heading: 'MS', cell: ({ latencyMs }) => latencyMs ?? '-', align: 'right' },
      { heading: 'TYPES', cell: ({ rightTypes }) => typesOf(rightTypes) },
      { heading: 'PROBLEM', cell: ({ problem }) => problem?.detail ?? '-' },
    ],
    'no mirror is configured: crane.mirrors names them',
  );
  return EXIT.done;
}

function typesOf(rightTypes: boolean | null): string {
  if (rightTypes === null) return '-';
  return rightTypes ? 'right' : 'wrong';
}

async function waitForMirrors(
  cli: Cli,
  options: Options & GlobalOptions,
  wanted: string | true,
): Promise<number> {
  const limitMs = readTimeout(options.timeout);
  using interruption = cli.interruptible();
  const { signal } = interruption;
  await using client = await openClient(options, cli);
  const serial = wanted === true ? await newestSerial(client, signal) : readSerial(wanted);
  using progress = createProgressDisplay(cli.stderr, cli.env);
  const until = performance.now() + limitMs;
  const path = `/api/v1/publications/${serial}/mirrors`;
  for (;;) {
    const mirrors = await Array.fromAsync(client.list<SerialAtMirrorAnswer>(path, {}, signal));
    progress.show(reportSerialAtMirrors(serial, mirrors));
    const rest = mirrors.filter(({ state }) => state !== 'confirmed');
    const isGivenUp = limitMs === Infinity && rest.every(({ state }) => state === 'late');
    const leftMs = until - performance.now();
    if (rest.length > 0 && !isGivenUp && leftMs > 0) {
      await pause(Math.min(LOOK_MS, leftMs), undefined, { signal });
      continue;
    }
    progress[Symbol.dispose]();
    if (options.output === 'json') writeJson(cli.stdout, { serial, mirrors });
    else showSerialAtMirrors(cli, mirrors);
    if (mirrors.length === 0) cli.stderr.write('gantry: no mirror is configured: crane.mirrors names them\n');
    return rest.length === 0 ? EXIT.done : EXIT.tryAgain;
  }
}

/** @throws Fault PUBLICATION_UNKNOWN when nothing is published */
async function newestSerial(client: ApiClient, signal: AbortSignal): Promise<number> {
  for await (const { serial, state } of client.list<PublicationAnswer>('/api/v1/publications', {}, signal))
    if (state === 'published') return serial;
  throw new Fault('PUBLICATION_UNKNOWN', 'nothing is published yet');
}

function readSerial(text: string): number {
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new Fault('REQUEST_INVALID', `--wait: ${quote(text)} is not a serial: a whole number from 1 on`);
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return Infinity;
  if (DURATION.test(text)) return parseDuration(text);
  throw new Fault('REQUEST_INVALID', `--timeout: ${quote(text)} is no time: write 90s, 10m or 2h`);
}
