import path from 'node:path';
import { Fault, quote } from '@gantry/oci';
import { parseDuration } from '@gantry/service';
import { type SeenSerial, verifyTree } from '@gantry/tree';
import type { AddCommand, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { type LocalOption, withLocalOption } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { configuredTree, openPlace, type PlaceOptions } from '../open-place.ts';
import { openSeenSerials } from '../verify/seen-serials.ts';
import { resultAsJson, showFindings } from '../verify/show-findings.ts';
import { verifyReporter } from '../verify/show-progress.ts';
import { collect, readKeyOption } from '../words/key-option.ts';

interface Options extends LocalOption, PlaceOptions {
  readonly against?: string;
  readonly roots?: boolean;
  readonly deep?: boolean;
  readonly serial?: string;
  readonly floor?: string;
  readonly state?: string;
  readonly maxAge?: string;
  readonly strict?: boolean;
  readonly key?: readonly string[];
}

/** `gantry verify`: proves a tree, mirror or secondary site equal to its root. It never needs a server. */
export const addVerify: AddCommand = (program, cli) => {
  const command = program
    .command('verify')
    .summary('prove that a tree is what its root says')
    .description('Proves that a tree, a mirror or a secondary site is what its root says. Needs no server.')
    .argument('[tree]', "a folder, an address or s3://BUCKET/PREFIX; absent: the configuration's tree")
    .option('--against <tree>', 'and at the same serial as this one')
    .option('--roots', 'look at the pointer, the root and its shards alone: seconds')
    .option('--deep', 'read and hash every byte too; of a server, look at what it sends with it')
    .option(
      '--key <file>',
      "and signed by this public key, or by one of several; absent: the configuration's, of its own tree",
      collect,
    )
    .option('--serial <serial>', 'a kept serial, in place of the current one')
    .option('--floor <serial>', 'and not below this serial')
    .option('--state <file>', 'and not below what was seen there before; keeps what is seen now')
    .option('--max-age <duration>', 'and published no longer ago, such as 2d')
    .option('--strict', 'fail on warnings too')
    .option('--tree <name>', "one of the configuration's further trees")
    .option('--endpoint <url>', "the S3 server; absent: the configuration's, the environment's, or Amazon")
    .option('--region <region>', 'its region')
    .addHelpText(
      'after',
      examples(
        'gantry verify --deep',
        'gantry verify https://mirror.example.org/gantry --against https://dl.example.org/gantry',
        'gantry verify https://mirror.example.org/gantry --roots --state /var/lib/gantry/seen.json --max-age 2d',
        'gantry verify s3://releases/gantry --endpoint https://s3.example.org',
      ),
    );
  withLocalOption(command, cli).action(
    cli.act<Options, [string | undefined]>(async (options, tree) => {
      const limits = readLimits(options);
      using interruption = cli.interruptible();
      const { signal } = interruption;
      const state =
        options.state === undefined ? undefined : await openSeenSerials(path.resolve(cli.cwd, options.state));
      const given = options.key === undefined ? undefined : await readKeyOption(options.key, cli);
      const { source, trustedKeys } =
        tree === undefined
          ? await configuredTree(options, cli, given)
          : { source: await openPlace(tree, options, cli, signal), trustedKeys: given ?? [] };
      const against =
        options.against === undefined ? undefined : await openPlace(options.against, options, cli, signal);
      const seen = highest(state?.at(source.name), limits.floor);
      const start = performance.now();
      using progress = createProgressDisplay(cli.stderr, cli.env);
      const report = verifyReporter(source.name, against?.name, options.deep === true);
      const result = await verifyTree(source, {
        roots: options.roots === true,
        deep: options.deep === true,
        trustedKeys,
        signal,
        ...(against !== undefined && { against }),
        ...(seen !== undefined && { seen }),
        ...(limits.serial !== undefined && { serial: limits.serial }),
        ...(limits.maxAgeMs !== undefined && { maxAgeMs: limits.maxAgeMs }),
        onProgress: throttle((now) => progress.show(report(now))),
      });
      progress[Symbol.dispose]();
      await state?.keep(source.name, result);
      const seconds = (performance.now() - start) / 1000;
      if (options.output === 'json') writeJson(cli.stdout, resultAsJson(source.name, result, seconds));
      else showFindings(cli.stdout, source.name, result);
      const isRight = result.errors === 0 && (options.strict !== true || result.warnings === 0);
      return isRight ? EXIT.done : EXIT.failed;
    }),
  );
};

interface Limits {
  readonly serial?: number;
  readonly floor?: number;
  readonly maxAgeMs?: number;
}

/** @throws Fault REQUEST_INVALID */
function readLimits(options: GlobalOptions & Options): Limits {
  if (options.roots === true && options.deep === true)
    throw refuse('--roots and --deep contradict each other');
  if (options.serial !== undefined && options.against !== undefined)
    throw refuse('--serial and --against contradict each other: it is the current serials that are compared');
  const { serial, floor, maxAge } = options;
  try {
    return {
      ...(serial !== undefined && { serial: readSerial('--serial', serial) }),
      ...(floor !== undefined && { floor: readSerial('--floor', floor) }),
      ...(maxAge !== undefined && { maxAgeMs: parseDuration(maxAge) }),
    };
  } catch (error) {
    throw error instanceof Fault && error.code === 'CONFIGURATION_INVALID'
      ? refuse(`--max-age: ${error.message}`)
      : error;
  }
}

function refuse(why: string): Fault {
  return new Fault('REQUEST_INVALID', why);
}

/** @throws Fault REQUEST_INVALID */
function readSerial(option: string, text: string): number {
  if (/^[1-9][0-9]{0,11}$/.test(text)) return Number(text);
  throw refuse(`${option}: ${quote(text)} is no serial: it is a number from 1 up`);
}

function highest(seen: SeenSerial | undefined, floor: number | undefined): SeenSerial | undefined {
  if (floor === undefined || (seen !== undefined && seen.serial >= floor)) return seen;
  return { serial: floor, ...(seen?.tree !== undefined && { tree: seen.tree }) };
}

const SHOW_EVERY_MS = 100;

/** Thousands of files a second are looked at: a few lines a second are read. */
function throttle<T>(show: (value: T) => void): (value: T) => void {
  let shownAt = -Infinity;
  return (value) => {
    const now = performance.now();
    if (now - shownAt < SHOW_EVERY_MS) return;
    shownAt = now;
    show(value);
  };
}
