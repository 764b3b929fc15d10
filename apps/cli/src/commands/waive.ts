import { parseReference } from '@gantry/oci';
import { readAnswer } from '../answers.ts';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import type { WaiverAnswer } from '../gate-answers.ts';
import { openClient } from '../open-operations.ts';
import { shortDigest } from '../output/names.ts';
import { formatTime, printable } from '../output/text.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import { readMoment } from '../words/moment.ts';

interface WaiveOptions {
  readonly gate: string;
  readonly requirement?: string;
  readonly reason: string;
  readonly expires: string;
}

const PATH = '/api/v1/waivers';

/** `gantry waive`: lets an image pass a gate, for a time. */
export const addWaive: AddCommand = (program, cli) => {
  program
    .command('waive')
    .summary('let an image pass a gate, for a time')
    .description('Lets an image pass a gate, or one requirement of it, for a time. It stays on record.')
    .argument('<channel>', 'whose gate it is')
    .argument('<image>', 'REPO:TAG or REPO@DIGEST')
    .requiredOption('--gate <name>', 'the gate')
    .option('--requirement <name>', 'only this that it asks for: a test case, a vulnerability, …')
    .requiredOption('--reason <text>', 'why, for the record')
    .requiredOption('--expires <time>', 'until when: 7d, 2026-12-31, 2026-12-31T12:00:00Z')
    .addHelpText(
      'after',
      examples(
        'gantry waive stable fedora/httpd:2.4.63 --gate tests --requirement upgrade --reason "known flake" --expires 7d',
      ),
    )
    .action(
      cli.act<WaiveOptions, [string, string]>(async (options, channel, word) => {
        const image = parseReference(word);
        const body = {
          channel,
          repository: image.repository,
          reference: 'tag' in image ? image.tag : image.digest,
          gate: options.gate,
          ...(options.requirement !== undefined && { requirement: options.requirement }),
          reason: options.reason,
          expiresAt: readMoment(options.expires, '--expires', 'on'),
        };
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const waiver = readWaiver(await client.post(PATH, body, interruption.signal));
        if (options.output === 'json') writeJson(cli.stdout, waiver);
        else cli.stdout.write(`waiver ${printable(describe(waiver))}\n`);
        return EXIT.done;
      }),
    );
};

/** `gantry waivers`: what was waived, by whom, and until when. */
export const addWaivers: AddCommand = (program, cli) => {
  const command = program
    .command('waivers')
    .summary('list or revoke waivers')
    .description('Lists waivers, or revokes one.')
    .addHelpText(
      'after',
      examples('gantry waivers --channel stable', 'gantry waivers list --all', 'gantry waivers revoke ID'),
    );

  command
    .command('list', { isDefault: true })
    .summary('list those in force')
    .description('Lists those in force, the newest first.')
    .option('--channel <name>', "only those of this channel's gates")
    .option('--digest <digest>', 'only those of this image')
    .option('--all', 'also those that expired or were revoked')
    .action(
      cli.act<{ readonly channel?: string; readonly digest?: string; readonly all?: boolean }>(
        async (options) => {
          using interruption = cli.interruptible();
          await using client = await openClient(options, cli);
          const query = { channel: options.channel, digest: options.digest };
          const waivers = await Array.fromAsync(client.list<WaiverAnswer>(PATH, query, interruption.signal));
          const now = new Date().toISOString();
          const shown = waivers.filter(
            (waiver) => options.all === true || standing(waiver, now) === 'in force',
          );
          writeList(
            cli,
            options.output,
            shown,
            [
              { heading: 'ID', cell: ({ id }) => id },
              { heading: 'CHANNEL', cell: ({ channel }) => channel },
              { heading: 'IMAGE', cell: imageOf },
              { heading: 'GATE', cell: ({ gate }) => gate },
              { heading: 'REQUIREMENT', cell: ({ requirement }) => requirement ?? '(all)' },
              { heading: 'STANDS', cell: (waiver) => standing(waiver, now) },
              { heading: 'UNTIL', cell: ({ expiresAt }) => formatTime(expiresAt) },
              { heading: 'BY', cell: ({ author }) => author },
              { heading: 'REASON', cell: ({ reason }) => reason },
            ],
            'nothing is waived',
          );
          return EXIT.done;
        },
      ),
    );

  command
    .command('revoke')
    .summary('take one back')
    .description('Takes a waiver back: it holds no more.')
    .argument('<waiver>', 'its id')
    .action(
      cli.act<object, [string]>(async (options, id) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const answer = await client.delete(`${PATH}/${encodeURIComponent(id)}`, {}, interruption.signal);
        if (options.output === 'json') writeJson(cli.stdout, answer);
        else cli.stdout.write(`waiver ${printable(id)}: revoked\n`);
        return EXIT.done;
      }),
    );
};

function readWaiver(value: unknown): WaiverAnswer {
  return readAnswer<WaiverAnswer>(value, 'a waiver', {
    id: 'string',
    digest: 'string',
    gate: 'string',
    expiresAt: 'string',
  });
}

function describe(waiver: WaiverAnswer): string {
  const { id, channel, gate, requirement, expiresAt } = waiver;
  const what = requirement ? `${requirement} of gate ${gate}` : `gate ${gate}`;
  return `${id}: ${what} of ${channel}, for ${imageOf(waiver)}, until ${formatTime(expiresAt)}`;
}

function imageOf({ repository, digest }: WaiverAnswer): string {
  return repository ? `${repository}@${shortDigest(digest)}` : digest;
}

/** @param now as `Date.toISOString` gives it, which the times of the API are, too */
function standing({ revoked, expiresAt }: WaiverAnswer, now: string): string {
  if (revoked) return `revoked by ${revoked.by}`;
  return expiresAt > now ? 'in force' : 'expired';
}
