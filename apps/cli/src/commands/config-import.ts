import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { commentedYaml, type ForeignFile, inOrder, remarkLine } from '../import/commented-yaml.ts';
import type { Importer, Remark } from '../import/imported.ts';
import { importCrane } from '../import/crane.ts';
import { importKpromo } from '../import/kpromo.ts';
import { readForeign } from '../import/read-foreign.ts';
import { importRegsync } from '../import/regsync.ts';
import { importSkopeo } from '../import/skopeo.ts';
import { examples } from '../program.ts';

const IMPORTERS = {
  crane: importCrane,
  kpromo: importKpromo,
  regsync: importRegsync,
  skopeo: importSkopeo,
} satisfies Record<string, Importer>;
type Kind = keyof typeof IMPORTERS;

interface Options {
  readonly out?: string;
  readonly scoped?: boolean;
}

/** `gantry config import`: what another tool's configuration is in ours. It needs no configuration of its own. */
export function addConfigImport(config: Command, cli: Cli): void {
  config
    .command('import')
    .summary("write what another tool's configuration is here")
    .description(
      "Writes another tool's configuration as one of Gantry, as YAML with a comment for each line that has no exact counterpart; on standard error it says the same, and counts them. Nothing is taken that the other tool would not take: a rule that can't be said here leaves its entry out. What each key becomes: docs/import.md.",
    )
    .addArgument(new Argument('<kind>', 'whose').choices(Object.keys(IMPORTERS)))
    .argument('<file>', 'their configuration')
    .option('-o, --out <file>', 'where to; absent: standard output. A file that is there is not replaced')
    .option('--scoped', 'skopeo: names as skopeo sync --scoped makes them')
    .addHelpText(
      'after',
      examples(
        'gantry config import regsync regsync.yml -o gantry.yaml && gantry config check --config gantry.yaml',
        'gantry config import skopeo sync.yml --scoped',
        'gantry config import crane /etc/crane.conf -o crane.yaml',
        'gantry config import kpromo manifests/team/promoter-manifest.yaml -o gantry.yaml',
      ),
    )
    .action(
      cli.act<Options, [Kind, string]>(async ({ out, scoped = false }, kind, name) => {
        const document = await readForeign(kind, cli.cwd, name);
        const file: ForeignFile = {
          name,
          placeOf: (at) => ({ line: 1, ...document.locate(at, true) }),
        };
        const imported = IMPORTERS[kind](document.value, { scoped });
        refuseWrong(imported.remarks, file);
        const text = commentedYaml(kind, imported, file);
        if (out === undefined) cli.stdout.write(text);
        else await writeNew(path.resolve(cli.cwd, out), text);
        for (const remark of inOrder(imported.remarks, file))
          cli.stderr.write(`${remarkLine(remark, file)}\n`);
        const lost = imported.remarks.filter((remark) => remark.kind === 'lost').length;
        const { length: sources } = imported.sources;
        cli.stderr.write(
          `${sources === 0 && imported.sections !== undefined ? '' : `${sources} source${sources === 1 ? '' : 's'}; `}${lost} line${lost === 1 ? ' has' : 's have'} no counterpart, ${imported.remarks.length - lost} ${imported.remarks.length - lost === 1 ? 'is' : 'are'} done in another way\n`,
        );
        return EXIT.done;
      }),
    );
}

/** @throws Fault REQUEST_INVALID, naming all that is wrong */
function refuseWrong(remarks: readonly Remark[], file: ForeignFile): void {
  const wrong = inOrder(remarks, file).filter(({ kind }) => kind === 'wrong');
  if (wrong.length === 0) return;
  throw new Fault('REQUEST_INVALID', wrong.map((remark) => remarkLine(remark, file)).join('\n'));
}

/** It may hold passwords. */
async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'is there already' : `can not be written: ${error.code}`;
    throw new Fault('REQUEST_INVALID', `${file} ${why}`);
  });
}
