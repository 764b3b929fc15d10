import { backupCatalog } from '@gantry/catalog';
import path from 'node:path';
import type { AddCommand, Cli, GlobalOptions } from '../cli.ts';
import { CATALOG_PLACES, catalogAt } from '../catalog-place.ts';
import { copyCatalog } from '../catalog/copy.ts';
import { formatCounts } from '../catalog/show-counts.ts';
import { EXIT } from '../exit-codes.ts';
import { formatBytes, printable } from '../output/text.ts';
import { writeJson } from '../output/write.ts';
import { examples } from '../program.ts';
import { loadWithWarnings } from '../remote/server-address.ts';
import { catalogSettings } from '../serve/engine-settings.ts';

interface CopyOptions {
  readonly from?: string;
  readonly to: string;
  readonly ignoreWorkers?: boolean;
}

interface RebuildOptions {
  readonly dryRun?: boolean;
}

interface BackupOptions {
  readonly from?: string;
}

/** `gantry catalog`: keeps, moves and remakes the catalog. It never needs a server. */
export const addCatalog: AddCommand = (program, cli) => {
  const command = program
    .command('catalog')
    .summary('back up, move or remake the catalog')
    .description('Backs up, moves or remakes the catalog. Needs no server.')
    .addHelpText(
      'after',
      examples(
        'gantry catalog backup /backup/catalog.db',
        'gantry catalog copy --from ./data/catalog.db --to mongodb://db.example.org/gantry',
        'gantry catalog copy --from env:OLD_CATALOG --to gantry.yaml',
      ),
    );

  command
    .command('backup')
    .summary('copy the SQLite catalog to a file')
    .description('Copies the SQLite catalog to a file while services work on it: whole, and of one moment.')
    .argument('<file>', 'a file that is not there yet')
    .option('--from <catalog>', "which; absent: the configuration's")
    .action(
      cli.act<BackupOptions, [string]>(async (options, word) => {
        const file = path.resolve(cli.cwd, word);
        const sizeBytes = await backupCatalog(await sourceOf(options, cli), file);
        if (options.output === 'json') writeJson(cli.stdout, { file, sizeBytes });
        else cli.stdout.write(`${printable(file)}: ${formatBytes(sizeBytes)}\n`);
        return EXIT.done;
      }),
    );

  command
    .command('copy')
    .summary('copy a catalog into another, empty one')
    .description(
      `Copies all that a catalog holds into another, empty one, SQLite or MongoDB. A catalog is ${CATALOG_PLACES}. Stop the services first.`,
    )
    .option('--from <catalog>', "what is copied; absent: the configuration's catalog")
    .requiredOption('--to <catalog>', 'an empty catalog; a file is made')
    .option(
      '--ignore-workers',
      'also while services work on the source: what they write meanwhile may be missing in the copy',
    )
    .action(
      cli.act<CopyOptions>(async (options) => {
        using interruption = cli.interruptible();
        const from = await sourceOf(options, cli);
        const to = await catalogAt(options.to, '--to', cli);
        const copied = await copyCatalog(from, to, options.ignoreWorkers === true, cli, interruption.signal);
        if (options.output === 'json') writeJson(cli.stdout, copied);
        else {
          cli.stdout.write(formatCounts(copied.counts, 'COPIED'));
          cli.stdout.write(`${printable(copied.from)} is in ${printable(copied.to)}, all of it\n`);
        }
        return EXIT.done;
      }),
    );

  command
    .command('rebuild')
    .summary('remake a catalog that was lost, from tree and store')
    .description(
      "Remakes the configuration's catalog from its tree and store: channels, publications, the pool and what is known of manifests. Candidates come again with the next sync; promotions, tasks and idempotency keys are lost. Stop the services first.",
    )
    .option('--dry-run', 'write nothing, and say what would be remade')
    .addHelpText('after', examples('gantry catalog rebuild --dry-run', 'gantry catalog rebuild'))
    .action(
      cli.act<RebuildOptions>(async (options) => {
        using interruption = cli.interruptible();
        const { configuration } = await loadWithWarnings(options, cli);
        const { remakeCatalog, showRebuild } = await import('../catalog/rebuild.ts');
        const dryRun = options.dryRun === true;
        const made = await remakeCatalog(configuration, dryRun, cli, interruption.signal);
        if (options.output === 'json') writeJson(cli.stdout, made);
        else showRebuild(cli, made);
        return made.problems.length === 0 ? EXIT.done : EXIT.failed;
      }),
    );
};

async function sourceOf(options: GlobalOptions & { readonly from?: string }, cli: Cli) {
  if (options.from !== undefined) return catalogAt(options.from, '--from', cli);
  const { configuration } = await loadWithWarnings(options, cli);
  return catalogSettings(configuration.catalog);
}
