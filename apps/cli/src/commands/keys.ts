import path from 'node:path';
import { Fault } from '@gantry/oci';
import { MAIN_TREE } from '@gantry/service';
import { makeSigningKeyFile, type SigningKey } from '@gantry/tree';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { configuredKeys, keysIn, type KnownKey, readKeyFile } from '../keys/known-keys.ts';
import { nextKeyFile, waitingKeyFiles } from '../keys/next-file.ts';
import { printable } from '../output/text.ts';
import { writeJson, writeList } from '../output/write.ts';
import { examples } from '../program.ts';
import { loadWithWarnings } from '../remote/server-address.ts';
import { treeKey, treeSettings } from '../serve/tree-settings.ts';

interface MakeOptions {
  readonly out?: string;
}

interface RotateOptions extends MakeOptions {
  readonly tree?: string;
}

const DEFAULT_FILE = 'release.key';

/** `gantry keys`: the keys that sign what is published. It never needs a server. */
export const addKeys: AddCommand = (program, cli) => {
  const command = program
    .command('keys')
    .summary('make, list, show or rotate signing keys')
    .description(
      'Makes keys that sign what is published, lists them, shows one, or makes the next one. Needs no server.',
    )
    .addHelpText(
      'after',
      examples('gantry keys make --out release.key > release.pub', 'gantry keys list', 'gantry keys rotate'),
    );

  command
    .command('list', { isDefault: true })
    .summary('list keys, and what they are configured for')
    .description(
      "Lists the configuration's keys, or those of files, private or public: the key id, whether it signs here and whether the crane here trusts it.",
    )
    .argument('[files...]', 'files with a key each')
    .action(
      cli.act<object, [readonly string[]]>(async (options, files) => {
        const { configuration } = await loadWithWarnings(options, cli);
        const keys =
          files.length === 0
            ? await configuredKeys(configuration)
            : await keysIn(
                files.map((file) => path.resolve(cli.cwd, file)),
                configuration,
              );
        writeKeys(options, cli, keys);
        return keys.some(({ problem }) => problem !== null) ? EXIT.failed : EXIT.done;
      }),
    );

  command
    .command('make')
    .summary('make one')
    .description(
      'Makes a key: the private one in a new file that its owner alone may read, the public one and its id on standard output.',
    )
    .option('--out <file>', 'the file of the private key, never overwritten', DEFAULT_FILE)
    .action(
      cli.act<MakeOptions>(async (options) => {
        const file = path.resolve(cli.cwd, options.out ?? DEFAULT_FILE);
        writeMade(options, cli, file, await makeSigningKeyFile(file), []);
        return EXIT.done;
      }),
    );

  command
    .command('show')
    .summary('print the public half of one')
    .description('Prints the public key and its id, of a private key or a public one.')
    .argument('<file>', 'where it lies')
    .action(
      cli.act<object, [string]>(async (options, word) => {
        const file = path.resolve(cli.cwd, word);
        const { keyid, pem } = await readKeyFile(file);
        if (options.output === 'json') writeJson(cli.stdout, { file, keyid, publicKey: pem });
        else cli.stdout.write(`keyid: ${keyid}\n${pem}`);
        return EXIT.done;
      }),
    );

  command
    .command('rotate')
    .summary('make the next one, and say what is to be done with it')
    .description(
      'Makes the key that is to follow the one that signs now, and says the steps. Nothing else is changed.',
    )
    .option('--out <file>', 'the file of the private key, never overwritten; absent: beside the present one')
    .option('--tree <name>', 'of this tree; absent: of the main one')
    .action(
      cli.act<RotateOptions>(async (options) => {
        const { configuration } = await loadWithWarnings(options, cli);
        const tree = options.tree ?? MAIN_TREE;
        const key = `${treeKey(tree)}.signing.keyFile`;
        const files = treeSettings(configuration, tree).signing?.keyFiles ?? [];
        const present = files.at(-1);
        if (present === undefined) {
          throw new Fault(
            'CONFLICT',
            `nothing is signed yet, as ${key} is not set: "gantry keys make" makes the first key`,
          );
        }
        const waiting = waitingKeyFiles(present).filter((one) => !files.includes(one));
        const file = options.out === undefined ? nextKeyFile(present) : path.resolve(cli.cwd, options.out);
        writeMade(options, cli, file, await makeSigningKeyFile(file), rotation(files, file, key));
        for (const one of waiting)
          cli.stderr.write(`gantry: ${printable(one)} waits to follow already: ${ONE_IS_ENOUGH}\n`);
        return EXIT.done;
      }),
    );
};

/** Of several keys that wait. */
const ONE_IS_ENOUGH = 'go on with one of them, and destroy the rest';

/** What people do with the next key. @param key where the keys stand in the configuration */
function rotation(former: readonly string[], next: string, key: string): readonly string[] {
  const both = [...former, next].join(', ');
  return [
    'Add the public key to crane.trustedKeys of every crane, beside the present one, and restart them; give it to whoever else verifies.',
    `Sign with both, at every publisher: ${key}: [${both}]. Restart them: the next serial comes at once.`,
    'Wait until every mirror carries such a serial: "gantry verify ADDRESS --key FILE" with the new public key says so. One that takes over a week counts for nothing by then.',
    `Sign with the new one alone, at every publisher: ${key}: ${next}. Restart them, and publish.`,
    'Wait for every mirror once more. Then take the old public key out of crane.trustedKeys, restart the cranes, and destroy the old private key.',
  ];
}

function writeMade(
  { output }: GlobalOptions,
  { stdout, stderr }: Cli,
  file: string,
  { keyid, pem }: SigningKey,
  steps: readonly string[],
): void {
  if (output === 'json') {
    writeJson(stdout, { file, keyid, publicKey: pem, ...(steps.length > 0 && { steps }) });
    return;
  }
  stdout.write(`keyid: ${keyid}\n${pem}`);
  if (output === 'plain') return;
  stderr.write(`${printable(file)}: the private key, mode 0600. Keep a copy where nobody else gets at it\n`);
  for (const [index, step] of steps.entries()) stderr.write(`${index + 1}. ${printable(step)}\n`);
}

function writeKeys({ output }: GlobalOptions, cli: Cli, keys: readonly KnownKey[]): void {
  writeList(
    cli,
    output,
    keys,
    [
      { heading: 'KEYID', cell: ({ keyid }) => keyid ?? '-' },
      { heading: 'SIGNS', cell: ({ signs }) => (signs ? 'yes' : '-') },
      { heading: 'TRUSTED', cell: ({ trusted }) => (trusted ? 'yes' : '-') },
      { heading: 'PLACE', cell: ({ place }) => place },
    ],
    'nothing is signed, and no key is asked for: "gantry keys make" makes one',
  );
  for (const { problem } of keys) if (problem !== null) cli.stderr.write(`gantry: ${printable(problem)}\n`);
}
