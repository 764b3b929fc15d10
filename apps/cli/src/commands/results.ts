import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault, parseDigest, quote } from '@gantry/oci';
import { readAnswer } from '../answers.ts';
import type { AddCommand, Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import type { ReportAnswer, ResultAnswer } from '../gate-answers.ts';
import { openClient } from '../open-operations.ts';
import { formatTime, printable } from '../output/text.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import { readFirst } from '../remote/read-first.ts';
import { readLimit } from '../words/count.ts';
import { findDigest, IMAGE_WORDS, type ImageWord, readImage } from '../words/image.ts';
import { readMoment } from '../words/moment.ts';

interface AddOptions {
  readonly source?: string;
  readonly scenario?: string;
  readonly url?: string;
  readonly note?: string;
  readonly data?: readonly string[];
}

interface ListOptions {
  readonly testcase?: string;
  readonly source?: string;
  readonly outcome?: string;
  readonly since?: string;
  readonly limit: string;
}

interface ReportOptions {
  readonly digest?: string;
  readonly source?: string;
}

const PATH = '/api/v1/results';

/** `gantry results`: what tests and scanners say of an image. */
export const addResults: AddCommand = (program, cli) => {
  const command = program
    .command('results')
    .summary('report and list what tests and scanners say of an image')
    .description('Reports what a test or a scanner says of an image, and lists what was reported.')
    .addHelpText(
      'after',
      examples(
        'gantry results add fedora/httpd:2.4.63 smoke PASSED --source ci --url https://ci.example.org/42',
        'gantry results list fedora/httpd:2.4.63',
        'trivy image -f json … | gantry results report - fedora/httpd:2.4.63 --source trivy',
      ),
    );

  command
    .command('add')
    .summary('report the result of a test case')
    .description('Reports the result of a test case.')
    .argument('<image>', IMAGE_WORDS)
    .argument('<testcase>', 'its name')
    .argument('<outcome>', 'PASSED, INFO, FAILED, NEEDS_INSPECTION, ERROR, QUEUED or RUNNING')
    .option('--source <name>', 'which test system says so; absent: the only one that the token may speak for')
    .option('--scenario <text>', 'of a test that is run in several: a platform, an environment')
    .option('--url <url>', 'where the run can be read')
    .option('--note <text>', 'for people')
    .option('--data <name=value...>', 'what else is to be said')
    .action(
      cli.act<AddOptions, [string, string, string]>(async (options, word, testcase, outcome) => {
        const image = readImage(word);
        const data = readData(options.data);
        using interruption = cli.interruptible();
        const { signal } = interruption;
        await using client = await openClient(options, cli);
        const body = {
          ...(await findDigest(client, image, signal)),
          testcase,
          outcome: outcome.toUpperCase(),
          ...(options.source !== undefined && { source: options.source }),
          ...(options.scenario !== undefined && { scenario: options.scenario }),
          ...(options.url !== undefined && { ref_url: options.url }),
          ...(options.note !== undefined && { note: options.note }),
          ...(data !== undefined && { data }),
        };
        const answer = await client.post(PATH, body, signal);
        const result = readAnswer<ResultAnswer>(answer, 'a result', { id: 'string', outcome: 'string' });
        if (options.output === 'json') writeJson(cli.stdout, result);
        else {
          const text = `result ${result.id}: ${testcase} ${result.outcome}, by ${result.source}, of ${result.digest}`;
          cli.stdout.write(`${printable(text)}\n`);
        }
        return EXIT.done;
      }),
    );

  command
    .command('list')
    .summary('list results')
    .description('Lists results, the newest first.')
    .argument('[image]', `${IMAGE_WORDS}; absent: of all`)
    .option('--testcase <name>', 'only of this test case')
    .option('--source <name>', 'only by this test system')
    .option('--outcome <outcome>', 'only these: PASSED, FAILED, …')
    .option('--since <time>', 'only those since then: 2d, 2026-11-21')
    .option('--limit <n>', 'so many at the most', '100')
    .action(
      cli.act<ListOptions, [string | undefined]>(async (options, word) => {
        const image = word === undefined ? undefined : readImage(word);
        const { testcase, source, since } = options;
        const limit = readLimit(options.limit);
        using interruption = cli.interruptible();
        const { signal } = interruption;
        await using client = await openClient(options, cli);
        const query = {
          digest: image === undefined ? undefined : (await findDigest(client, image, signal)).digest,
          testcase,
          source,
          outcome: options.outcome?.toUpperCase(),
          since: since === undefined ? undefined : readMoment(since, '--since', 'back'),
        };
        writeList(
          cli,
          options.output,
          await readFirst<ResultAnswer>(client, PATH, query, limit, signal),
          [
            { heading: 'TEST CASE', cell: (result) => result.testcase },
            { heading: 'OUTCOME', cell: ({ outcome }) => outcome },
            { heading: 'SOURCE', cell: (result) => result.source },
            { heading: 'SCENARIO', cell: ({ scenario }) => scenario ?? '-' },
            { heading: 'REPORTED', cell: ({ submittedAt }) => formatTime(submittedAt) },
            { heading: 'NOTE', cell: ({ note }) => note ?? '-' },
            { heading: 'DIGEST', cell: ({ digest }) => digest },
          ],
          'there are no such results',
        );
        return EXIT.done;
      }),
    );

  command
    .command('report')
    .summary("hand in a scanner's report of vulnerabilities")
    .description("Hands in a scanner's report of vulnerabilities: Trivy's or Grype's JSON, or SARIF.")
    .argument('<file>', 'the report; -: standard input')
    .argument('[image]', IMAGE_WORDS)
    .option('--digest <digest>', 'the image, if it is not named')
    .option('--source <name>', 'which system says so; absent: the only one that the token may speak for')
    .action(
      cli.act<ReportOptions, [string, string | undefined]>(async (options, file, word) => {
        const image = readReported(word, options.digest);
        const bytes = await readReport(file, cli);
        using interruption = cli.interruptible();
        const { signal } = interruption;
        await using client = await openClient(options, cli);
        const query = { ...(await findDigest(client, image, signal)), source: options.source };
        const answer = await client.upload('/api/v1/reports', query, bytes, signal);
        const report = readAnswer<ReportAnswer>(answer, 'a report', { id: 'string', counts: 'object' });
        if (options.output === 'json') writeJson(cli.stdout, report);
        else {
          const counts = Object.entries(report.counts).map(([severity, count]) => `${count} ${severity}`);
          const text = `report ${report.id} by ${report.source} (${report.scanner}): ${counts.join(', ')}`;
          cli.stdout.write(`${printable(text)}\n`);
        }
        return EXIT.done;
      }),
    );
};

/** ResultsDB has a list of values for each name. @throws Fault REQUEST_INVALID */
function readData(words: readonly string[] | undefined): Record<string, string[]> | undefined {
  if (words === undefined) return undefined;
  const data = new Map<string, string[]>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new Fault('REQUEST_INVALID', `--data: ${quote(word)} is not NAME=VALUE`);
    data.getOrInsertComputed(word.slice(0, at), () => []).push(word.slice(at + 1));
  }
  return Object.fromEntries(data);
}

/** @throws Fault REQUEST_INVALID, NAME_INVALID, TAG_INVALID, DIGEST_INVALID */
function readReported(word: string | undefined, digest: string | undefined): ImageWord {
  if (word !== undefined && digest === undefined) return readImage(word);
  if (word === undefined && digest !== undefined) return { digest: parseDigest(digest) };
  throw new Fault(
    'REQUEST_INVALID',
    `which image is the report of? Name it as ${IMAGE_WORDS}, or by --digest, once`,
  );
}

/** @throws Fault REQUEST_INVALID for what can't be read */
async function readReport(file: string, { cwd, readInput }: Cli): Promise<Uint8Array> {
  if (file === '-' && readInput !== undefined) return readInput();
  try {
    return await readFile(path.resolve(cwd, file));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Fault('REQUEST_INVALID', `the report ${quote(file)} can not be read: ${why}`, {}, { cause });
  }
}
