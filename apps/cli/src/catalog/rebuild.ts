import { type CatalogCounts, emptyCounts, openCatalogTransfer } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import {
  openTreeTarget,
  rebuildCatalog,
  type RebuildProgress,
  type RebuildReport,
  type RebuildTree,
  shareOut,
} from '@gantry/pipeline';
import type { Configuration } from '@gantry/service';
import { type BlobStore, openStore } from '@gantry/store';
import type { Cli } from '../cli.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { formatTable } from '../output/table.ts';
import { formatBytes, plural, printable } from '../output/text.ts';
import { catalogSettings, placeSettings } from '../serve/engine-settings.ts';
import { treeSettings } from '../serve/tree-settings.ts';
import { mustBeIdle } from './idle.ts';
import { describeProgress, formatCounts } from './show-counts.ts';

/** What came of a rebuild. */
export interface CatalogRebuild extends RebuildReport {
  readonly dryRun: boolean;
  /** What the catalog holds then, or would hold. */
  readonly counts: CatalogCounts;
}

/**
 * Remakes the configuration's catalog, which must be empty, from its trees and store.
 * @throws Fault CONFLICT when there is nothing to remake it from, services are alive, or it is not empty; TREE_INVALID
 */
export async function remakeCatalog(
  configuration: Configuration,
  dryRun: boolean,
  cli: Cli,
  signal: AbortSignal,
): Promise<CatalogRebuild> {
  await using store = await openStore(await placeSettings(configuration.storage));
  const channels = configuration.channels.map((channel) => ({ ...channel, gates: [] })); // which are not asked
  const trees = await Promise.all(
    shareOut(Object.keys(configuration.trees), channels).map(async (share): Promise<RebuildTree> => {
      const place = await placeSettings(treeSettings(configuration, share.name));
      return { ...share, target: await openTreeTarget(place, store) };
    }),
  );
  const serials = await Promise.all(trees.map(({ target }) => target.highestSerial()));
  if (serials.every((serial) => serial === 0) && (await isEmpty(store))) {
    const names = trees.map(({ target }) => target.source.name);
    throw new Fault(
      'CONFLICT',
      `there is nothing to remake a catalog from: ${names.length === 1 ? 'the tree' : 'the trees'} ${names.join(', ')} and the store are empty; look at tree and storage in the configuration`,
    );
  }
  using progress = createProgressDisplay(cli.stderr, cli.env);
  const show = (text: string) => progress.show({ state: 'running', text: `rebuild: ${text}` });
  const { report, entries } = rebuildCatalog(
    { store, trees, now: () => new Date() },
    { dryRun, signal, onProgress: (step) => show(describeStep(step)) },
  );

  if (dryRun) {
    const counts = emptyCounts();
    for await (const { noun } of entries()) counts[noun]++;
    return { ...report, dryRun, counts };
  }
  await using catalog = await openCatalogTransfer(await catalogSettings(configuration.catalog), 'target');
  await mustBeIdle(catalog, '');
  try {
    const counts = await catalog.load(entries(), {
      signal,
      onProgress: (loaded) => show(describeProgress(loaded)),
    });
    return { ...report, dryRun, counts };
  } catch (error) {
    if (await catalog.isHalfFilled().catch(() => false)) {
      progress[Symbol.dispose]();
      cli.stderr.write(
        `gantry: ${printable(catalog.name)} is half filled now, and no service takes it: the same command starts anew\n`,
      );
    }
    throw error;
  }
}

/** Prints a rebuild: what was remade on standard output, what was not on standard error. */
export function showRebuild({ stdout, stderr }: Pick<Cli, 'stdout' | 'stderr'>, made: CatalogRebuild): void {
  const { serial, trees, channels, restored, notes, problems, dryRun } = made;
  stdout.write(formatCounts(made.counts, dryRun ? 'WOULD BE REMADE' : 'REMADE'));
  if (channels.length > 0) {
    stdout.write('\n');
    stdout.write(
      formatTable(channels, [
        { heading: 'CHANNEL', cell: ({ channel }) => channel },
        { heading: 'REPOSITORIES', cell: ({ repositories }) => repositories, align: 'right' },
        { heading: 'TAGS', cell: ({ tags }) => tags, align: 'right' },
      ]),
    );
  }
  const further = Object.entries(trees).map(
    ([name, at]) => `, ${at === null ? 'nothing' : `serial ${at}`} of ${name}`,
  );
  const main = serial === null ? 'nothing was published before' : `from serial ${serial} of the tree`;
  const from = `${main}${further.join('')}`;
  stdout.write(`\nThe catalog ${dryRun ? 'would be' : 'is'} remade, ${from}.`);
  if (restored.blobs > 0) {
    stdout.write(
      ` ${plural(restored.blobs, 'blob')} (${formatBytes(restored.bytes)}) that the store lacked ${dryRun ? 'would come' : 'came'} from the tree.`,
    );
  }
  stdout.write(' Candidates come again with the next sync.\n');
  for (const note of notes) stderr.write(`gantry: note: ${printable(note)}\n`);
  for (const problem of problems) stderr.write(`gantry: ${printable(problem)}\n`);
}

function describeStep({ step, done }: RebuildProgress): string {
  switch (step) {
    case 'history':
      return `read ${plural(done, 'publication')}`;
    case 'tree':
      return `looked at ${done} repositories of the tree`;
    case 'store':
      return `looked at ${plural(done, 'blob')} of the store`;
    default:
      return step satisfies never;
  }
}

async function isEmpty(store: BlobStore): Promise<boolean> {
  for await (const _ of store.list()) return false;
  return true;
}
