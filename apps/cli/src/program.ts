import { asFault, type Fault } from '@gantry/oci';
import { Command, CommanderError, Option } from 'commander';
import type { AddCommand, Cli, Environment, GlobalOptions } from './cli.ts';
import { EXIT, exitOfError } from './exit-codes.ts';
import { printable } from './output/text.ts';
import { gantryVersion } from './version.ts';

const HELP = `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by a gate, 70 a defect in Gantry, 75 try again, 130 interrupted.

Examples:
  gantry serve all
  gantry sync candidates
  gantry candidates --repository fedora/httpd
  gantry promote fedora/httpd:2.4 --to stable --wait
  gantry publications`;

/**
 * Runs one command line.
 * @param words without the program's name
 * @returns the exit code; what went wrong stands on standard error
 */
export async function runCli(
  words: readonly string[],
  environment: Environment,
  commands: readonly AddCommand[],
): Promise<number> {
  let exitCode: number = EXIT.done;
  const cli: Cli = {
    ...environment,
    // Commander hands an action its words, its options and itself.
    // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- see Cli
    act<Options, Words extends readonly unknown[]>(
      work: (options: Options & GlobalOptions, ...words: Words) => Promise<number>,
    ) {
      return async (...parameters: unknown[]) => {
        const options: Options & GlobalOptions = (parameters.at(-1) as Command).optsWithGlobals();
        exitCode = await work(options, ...(parameters.slice(0, -2) as unknown as Words));
      };
    },
  };
  const program = createProgram(environment);
  for (const add of commands) add(program, cli);
  try {
    await program.parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (error) {
    return tellFailure(error, environment);
  }
}

function createProgram({ stdout, stderr }: Environment): Command {
  return new Command('gantry')
    .description('Moves container images from a build registry to the world.')
    .addOption(new Option('--config <file>', 'the configuration file (GANTRY_CONFIG)'))
    .addOption(new Option('--server <url>', "the server's API (GANTRY_SERVER)"))
    .addOption(new Option('--token <token>', 'who calls (GANTRY_TOKEN)'))
    .addOption(
      new Option('--output <form>', 'what standard output is; plain: for scripts')
        .choices(['table', 'json', 'plain'])
        .default('table'),
    )
    .version(
      `gantry ${gantryVersion()} (node ${process.versions.node})`,
      '-V, --version',
      'say which Gantry this is, and on which Node',
    )
    .helpOption('-h, --help', 'say how it is used')
    .helpCommand('help [command]', 'say how a command is used')
    .addHelpText('after', HELP)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
      outputError: (text, write) => write(text.replace(/^error: /, 'gantry: ')),
    })
    .showHelpAfterError('(--help says more)')
    .exitOverride();
}

/** Says on standard error why a command ended early. */
function tellFailure(error: unknown, { stderr }: Environment): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUsage;
  if (error instanceof Error && error.name === 'AbortError') {
    stderr.write(
      `gantry: ${error.message.startsWith('interrupted') ? printable(error.message) : 'interrupted'}\n`,
    );
    return EXIT.interrupted;
  }
  const fault = asFault(error);
  stderr.write(fault.code === 'INTERNAL' ? describeDefect(fault) : describeFault(fault));
  return exitOfError(fault);
}

function describeFault({ message }: Fault): string {
  const [first = '', ...more] = message.split('\n').map(printable);
  if (more.length === 0) return `gantry: ${first}\n`;
  return ['gantry: there is more than one thing wrong:', first, ...more].join('\n  ').concat('\n');
}

function describeDefect(fault: Fault): string {
  const { cause } = fault;
  return `gantry: a defect in Gantry: ${cause instanceof Error ? (cause.stack ?? cause.message) : fault.message}\n`;
}

/** Lines of examples below a command's help. */
export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}
