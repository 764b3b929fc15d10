import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Fault } from '@gantry/oci';
import { type ConfigurationDocument, readConfigurationDocument } from '@gantry/service';
import { Argument, type Command } from 'commander';
import type { Cli } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { commentedYaml, type ForeignFile, inOrder, remarkLine } from '../import/commented-yaml.ts';
import type { Importer } from '../import/imported.ts';
import { importCrane } from '../import/crane.ts';
import { readIni } from '../import/ini.ts';
import { importRegsync } from '../import/regsync.ts';
import { importSkopeo } from '../import/skopeo.ts';
import { examples } from '../program.ts';

const IMPORTERS = { crane: importCrane, regsync: importRegsync, skopeo: importSkopeo } satisfies Record<
  string,
  Importer
>;
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
      ),
    )
    .action(
      cli.act<Options, [Kind, string]>(async ({ out, scoped = false }, kind, name) => {
        const document = await readForeign(kind, path.resolve(cli.cwd, name), name);
        const file: ForeignFile = { name, lineOf: (at) => document.locate(at, true).line ?? 1 };
        const imported = IMPORTERS[kind](document.value, { scoped });
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

/** @throws Fault REQUEST_INVALID for a file that can't be read, or is no YAML */
async function readForeign(kind: Kind, file: string, name: string): Promise<ConfigurationDocument> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'is not there' : `can not be read: ${error.code}`;
    throw new Fault('REQUEST_INVALID', `${name} ${why}`);
  });
  const document = kind === 'crane' ? readIni(text, name) : readConfigurationDocument(text, name);
  const [problem] = document.problems;
  if (document.value !== undefined && problem === undefined) return document;
  const where = problem === undefined ? '' : `, line ${problem.place.line}: ${problem.text}`;
  throw new Fault(
    'REQUEST_INVALID',
    `${name} is not ${kind === 'crane' ? 'a file of sections' : 'YAML'} that can be read${where}`,
  );
}

/** It may hold passwords. */
async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'is there already' : `can not be written: ${error.code}`;
    throw new Fault('REQUEST_INVALID', `${file} ${why}`);
  });
}
