import { directoryTree, type PublicKey, type TreeSource, verifyTree, type VerifyResult } from '@gantry/tree';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { type LocalOption, withLocalOption } from '../open-operations.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, plural } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { loadWithWarnings } from '../remote/server-address.ts';
import { openTrustedKeys } from '../serve/open-keys.ts';
import { treeAt } from '../tree-place.ts';
import { collect, readKeyOption } from '../words/key-option.ts';

interface Options extends LocalOption {
  readonly against?: string;
  readonly deep?: boolean;
  readonly key?: readonly string[];
}

/** What is to be looked at, and by which keys it must be signed. */
interface Subject {
  readonly source: TreeSource;
  readonly trustedKeys: readonly PublicKey[];
}

/** `gantry verify`: proves a tree, mirror or secondary site equal to its root. It never needs a server. */
export const addVerify: AddCommand = (program, cli) => {
  const command = program
    .command('verify')
    .summary('prove that a tree is what its root says')
    .description('Proves that a tree, a mirror or a secondary site is what its root says. Needs no server.')
    .argument('[tree]', "a folder or an address; absent: the configuration's tree")
    .option('--against <tree>', 'and at the same serial as this one')
    .option('--deep', 'read and hash every blob too')
    .option(
      '--key <file>',
      "and signed by this public key, or by one of several; absent: the configuration's, of its own tree",
      collect,
    )
    .addHelpText(
      'after',
      examples(
        'gantry verify --deep',
        'gantry verify https://mirror.example.org/gantry --against https://dl.example.org/gantry',
        'gantry verify https://mirror.example.org/gantry --key release.pub',
      ),
    );
  withLocalOption(command, cli).action(
    cli.act<Options, [string | undefined]>(async (options, tree) => {
      using interruption = cli.interruptible();
      const { signal } = interruption;
      const given = options.key === undefined ? undefined : await readKeyOption(options.key, cli);
      const { source, trustedKeys } =
        tree === undefined
          ? await configuredTree(options, cli, given)
          : { source: treeAt(tree, cli.cwd, signal), trustedKeys: given ?? [] };
      using progress = createProgressDisplay(cli.stderr, cli.env);
      const result = await verifyTree(source, {
        deep: options.deep === true,
        trustedKeys,
        signal,
        ...(options.against !== undefined && { against: treeAt(options.against, cli.cwd, signal) }),
        onProgress: throttle(({ objects, bytes, expected }) => {
          const text = `verify ${source.name}: ${objects} of ${plural(expected, 'object')}, ${formatBytes(bytes)} read`;
          progress.show({ state: 'running', text, ...(expected > 0 && { share: objects / expected }) });
        }),
      });
      progress[Symbol.dispose]();
      if (options.output === 'json') writeJson(cli.stdout, result);
      else showResult(cli, source.name, result);
      return result.errors === 0 ? EXIT.done : EXIT.failed;
    }),
  );
};

/** @param given keys of the command line: they take the place of the configuration's */
async function configuredTree(
  options: GlobalOptions,
  cli: Cli,
  given: readonly PublicKey[] | undefined,
): Promise<Subject> {
  const { configuration } = await loadWithWarnings(options, cli);
  const trustedKeys = given ?? (await openTrustedKeys(configuration));
  const { tree } = configuration;
  if ('filesystem' in tree) return { source: directoryTree(tree.filesystem.root), trustedKeys };
  const { openTreeSource } = await import('../serve/open-flow.ts'); // a folder needs no engines
  return { source: await openTreeSource(tree), trustedKeys };
}

function showResult(
  { stdout }: Cli,
  name: string,
  { statement, objects, bytes, errors, warnings, findings }: VerifyResult,
): void {
  if (findings.length > 0) {
    stdout.write(
      formatTable(findings, [
        { heading: 'SEVERITY', cell: ({ severity }) => severity },
        { heading: 'FOUND', cell: ({ kind }) => kind },
        { heading: 'WHAT', cell: ({ message }) => message },
      ]),
    );
  }
  const left = errors + warnings - findings.length;
  if (left > 0) stdout.write(`and ${left} more\n`);
  const state = statement === undefined ? '' : ` at serial ${statement.serial}, root ${statement.root}`;
  const verdict =
    errors === 0 ? 'is what its root says' : `is not what its root says: ${plural(errors, 'error')}`;
  const looked = `${plural(objects, 'object')} looked at, ${formatBytes(bytes)} read`;
  stdout.write(
    `${name}${state} ${verdict}${warnings === 0 ? '' : `, ${plural(warnings, 'warning')}`} (${looked})\n`,
  );
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
