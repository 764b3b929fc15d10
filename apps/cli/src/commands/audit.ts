import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { AuditEntry } from '@gantry/catalog';
import { Fault, quote } from '@gantry/oci';
import type { AddCommand, Cli } from '../cli.ts';
import { verifyAuditChain } from '../audit/verify-chain.ts';
import { EXIT } from '../exit-codes.ts';
import { openClient } from '../open-operations.ts';
import { formatTime, plural, printable } from '../output/text.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import type { ApiClient } from '../remote/client.ts';
import { readFirst } from '../remote/read-first.ts';
import { readLimit } from '../words/count.ts';
import { readMoment } from '../words/moment.ts';

interface ListOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly since?: string;
  readonly limit: string;
}

const PATH = '/api/v1/audit';
const PAGE_LIMIT = '1000';

/** `gantry audit`: who did what, and whether the record of it is whole. */
export const addAudit: AddCommand = (program, cli) => {
  const command = program
    .command('audit')
    .summary('list, verify or export the record of who did what')
    .description('Lists who did what with what outcome, proves that the record is whole, or exports it.')
    .addHelpText(
      'after',
      examples(
        'gantry audit --actor release --since 7d',
        'gantry audit verify',
        'gantry audit export > audit.jsonl',
        'gantry audit verify audit.jsonl --expect HASH',
      ),
    );

  command
    .command('list', { isDefault: true })
    .summary('list what was done and refused')
    .description('Lists what was done and refused, the newest first.')
    .option('--actor <name>', 'only by this one')
    .option('--action <name>', 'only this: createPromotion, …')
    .option('--since <time>', 'only since then: 2d, 2026-11-21')
    .option('--limit <n>', 'so many at the most', '100')
    .action(
      cli.act<ListOptions>(async (options) => {
        const { actor, action, since } = options;
        const query = {
          actor,
          action,
          since: since === undefined ? undefined : readMoment(since, '--since', 'back'),
        };
        const limit = readLimit(options.limit);
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        writeList(
          cli,
          options.output,
          await readFirst<AuditEntry>(client, PATH, query, limit, interruption.signal),
          [
            { heading: 'SEQUENCE', cell: ({ sequence }) => sequence, align: 'right' },
            { heading: 'AT', cell: ({ at }) => formatTime(at) },
            { heading: 'ACTOR', cell: (entry) => entry.actor },
            { heading: 'VIA', cell: ({ via }) => via },
            { heading: 'ACTION', cell: (entry) => entry.action },
            { heading: 'TARGET', cell: ({ target }) => target },
            { heading: 'OUTCOME', cell: ({ outcome }) => outcome },
            { heading: 'REASON', cell: ({ reason }) => reason ?? '-' },
          ],
          'nothing of that kind was done',
        );
        return EXIT.done;
      }),
    );

  command
    .command('verify')
    .summary('prove that nothing was changed, put in or taken out')
    .description(
      "Proves that no entry was changed, put in or taken out: the server's, or those of an export.",
    )
    .argument('[files...]', 'JSON lines, as "gantry audit export" writes them, in their order')
    .option('--expect <hash>', 'a hash that was noted before: it must still be there')
    .action(
      cli.act<{ readonly expect?: string }, [readonly string[]]>(async (options, files) => {
        const { expect } = options;
        if (expect !== undefined && !/^[0-9a-f]{64}$/.test(expect)) {
          throw new Fault('REQUEST_INVALID', `--expect: ${quote(expect)} is not a hash: 64 hex figures are`);
        }
        using interruption = cli.interruptible();
        await using open = new AsyncDisposableStack();
        const entries =
          files.length > 0
            ? readFiles(files, cli)
            : readServer(open.use(await openClient(options, cli)), 0, interruption.signal);
        const found = await verifyAuditChain(entries, expect);
        const isEmpty = files.length > 0 && found.entries === 0 && found.problem === null;
        const problem = isEmpty ? 'no entries' : found.problem;
        if (options.output === 'json') writeJson(cli.stdout, { ...found, problem });
        else if (isEmpty)
          cli.stderr.write(`gantry: no entries in ${printable(files.join(', '))}: that proves nothing\n`);
        else if (found.problem === null) {
          const head =
            found.head === null ? '' : `, the last is ${found.head.sequence} with hash ${found.head.hash}`;
          cli.stdout.write(
            `${plural(found.entries, 'entry').replace('entrys', 'entries')}, none changed${head}\n`,
          );
        } else cli.stderr.write(`gantry: the audit log is broken: ${printable(found.problem)}\n`);
        return problem === null ? EXIT.done : EXIT.failed;
      }),
    );

  command
    .command('export')
    .summary('print all entries as JSON lines')
    .description('Prints all entries in their order, as JSON lines.')
    .option('--after <sequence>', 'only those after this one', '0')
    .action(
      cli.act<{ readonly after: string }>(async (options) => {
        if (!/^\d{1,15}$/.test(options.after))
          throw new Fault('REQUEST_INVALID', `--after: ${quote(options.after)} is not a sequence`);
        using interruption = cli.interruptible();
        await using client = await openClient(options, cli);
        for await (const entry of readServer(client, Number(options.after), interruption.signal))
          cli.stdout.write(`${JSON.stringify(entry)}\n`);
        return EXIT.done;
      }),
    );
};

/** All entries after one, in their order. */
async function* readServer(
  client: ApiClient,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<AuditEntry> {
  for (let last = after; ;) {
    const query = { after: String(last), limit: PAGE_LIMIT };
    const page = await client.get(`${PATH}/entries`, query, signal);
    const { items } = page as { readonly items: readonly AuditEntry[] };
    yield* items;
    const end = items.at(-1);
    if (end === undefined) return;
    last = end.sequence;
  }
}

/** @throws Fault REQUEST_INVALID for a line that is none of an export */
async function* readFiles(files: readonly string[], { cwd }: Cli): AsyncGenerator<AuditEntry> {
  for (const file of files) {
    let number = 0;
    try {
      for await (const line of createInterface({ input: createReadStream(path.resolve(cwd, file)) })) {
        number++;
        const entry: unknown = JSON.parse(line);
        if (typeof entry !== 'object' || entry === null) throw new Error('this is no entry of an audit log');
        yield entry as AuditEntry;
      }
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Fault('REQUEST_INVALID', `${file}${number === 0 ? '' : `:${number}`}: ${why}`, {}, { cause });
    }
  }
}
