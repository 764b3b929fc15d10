import { readAnswer } from '../answers.ts';
import type { IdentityAnswer, MadeTokenAnswer, TokenAnswer } from '../access-answers.ts';
import type { AddCommand } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { formatTime, printable } from '../output/text.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import { readMoment } from '../words/moment.ts';

interface MakeOptions {
  readonly scope: readonly string[];
  readonly group?: readonly string[];
  readonly expires?: string;
}

const PATH = '/api/v1/tokens';

/** `gantry tokens`: makes and revokes tokens while the service runs. */
export const addTokens: AddCommand = (program, cli) => {
  const command = program
    .command('tokens')
    .summary('make, list or revoke tokens')
    .description(
      'Makes tokens, lists them or revokes one. Tokens of the configuration file are not among them.',
    )
    .addHelpText(
      'after',
      examples(
        'gantry tokens make ci --scope read report:ci --expires 90d',
        'TOKEN=$(gantry tokens make release --scope promote:stable --output plain)',
        'gantry tokens revoke ci',
      ),
    );

  command
    .command('list', { isDefault: true })
    .summary('list them')
    .description('Lists them, the newest first.')
    .option('--all', 'also those that were revoked')
    .action(
      cli.act<{ readonly all?: boolean }>(async (options) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const tokens = await Array.fromAsync(client.list<TokenAnswer>(PATH, {}, interruption.signal));
        writeList(
          cli,
          options.output,
          tokens.filter(({ revoked }) => options.all === true || !revoked),
          [
            { heading: 'NAME', cell: ({ name }) => name },
            { heading: 'SCOPES', cell: ({ scopes }) => scopes.join(' ') },
            { heading: 'GROUPS', cell: ({ groups }) => groups.join(' ') || '-' },
            { heading: 'MADE', cell: ({ createdAt }) => formatTime(createdAt) },
            { heading: 'BY', cell: ({ createdBy }) => createdBy },
            { heading: 'EXPIRES', cell: ({ expiresAt }) => (expiresAt ? formatTime(expiresAt) : 'never') },
            { heading: 'REVOKED', cell: ({ revoked }) => (revoked ? formatTime(revoked.at) : '-') },
            { heading: 'ID', cell: ({ id }) => id },
          ],
          'no token was made: "gantry tokens make NAME --scope …" does it',
        );
        return EXIT.done;
      }),
    );

  command
    .command('make')
    .summary('make one')
    .description(
      'Makes a token. It is printed this once, alone on standard output; it can not be read again.',
    )
    .argument('<name>', 'what its owner is called in lists and logs')
    .requiredOption(
      '--scope <scope...>',
      'read, sync, report:SOURCE, promote:CHANNEL, approve:CHANNEL, admin',
    )
    .option('--group <group...>', 'groups that approvals and rules go by')
    .option('--expires <time>', 'until when: 90d, 2026-12-31; absent: it does not expire')
    .action(
      cli.act<MakeOptions, [string]>(async (options, name) => {
        const body = {
          name,
          scopes: options.scope,
          ...(options.group !== undefined && { groups: options.group }),
          ...(options.expires !== undefined && {
            expiresAt: readMoment(options.expires, '--expires', 'on'),
          }),
        };
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const answer = await client.post(PATH, body, interruption.signal);
        const made = readAnswer<MadeTokenAnswer>(answer, 'a token', { name: 'string', token: 'string' });
        if (options.output === 'json') writeJson(cli.stdout, made);
        else cli.stdout.write(`${made.token}\n`);
        if (options.output === 'table') {
          const until = made.expiresAt ? `until ${formatTime(made.expiresAt)}` : 'without an end';
          const text = `${made.name}: ${made.scopes.join(' ')}, ${until}. Keep the token: it is shown this once`;
          cli.stderr.write(`${printable(text)}\n`);
        }
        return EXIT.done;
      }),
    );

  command
    .command('revoke')
    .summary('revoke one')
    .description('Revokes a token: from then on nobody is let in by it.')
    .argument('<token>', 'its name or id')
    .action(
      cli.act<object, [string]>(async (options, name) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const answer = await client.delete(`${PATH}/${encodeURIComponent(name)}`, {}, interruption.signal);
        if (options.output === 'json') writeJson(cli.stdout, answer);
        else cli.stdout.write(`token ${printable(name)}: revoked\n`);
        return EXIT.done;
      }),
    );
};

/** `gantry whoami`: who the server takes the caller for. */
export const addWhoami: AddCommand = (program, cli) => {
  program
    .command('whoami')
    .summary('say who the server takes you for')
    .description('Says who the server takes you for, and what you may do.')
    .addHelpText('after', examples('gantry whoami', 'GANTRY_TOKEN=… gantry whoami'))
    .action(
      cli.act(async (options) => {
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        const answer = await client.get('/api/v1/whoami', {}, interruption.signal);
        const { name, scopes, groups } = readAnswer<IdentityAnswer>(answer, 'an identity', {
          name: 'string',
          scopes: 'object',
        });
        if (options.output === 'json') writeJson(cli.stdout, answer);
        else {
          cli.stdout.write(`${printable(name)}\n`);
          cli.stdout.write(`  scopes: ${printable(scopes.join(' ') || '-')}\n`);
          cli.stdout.write(`  groups: ${printable(groups.join(' ') || '-')}\n`);
        }
        return EXIT.done;
      }),
    );
};
