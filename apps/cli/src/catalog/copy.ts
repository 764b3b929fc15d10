import path from 'node:path';
import { type CatalogConfiguration, type CatalogCounts, openCatalogTransfer } from '@gantry/catalog';
import { Fault } from '@gantry/oci';
import type { Cli } from '../cli.ts';
import { createProgressDisplay } from '../output/progress.ts';
import { mustBeIdle } from './idle.ts';
import { describeProgress, sumOf } from './show-counts.ts';

/** What was copied, and where. */
export interface CatalogCopy {
  readonly from: string;
  readonly to: string;
  readonly counts: CatalogCounts;
}

/**
 * Copies one catalog into another, empty one.
 * @param ignoreWorkers copies also while services work on the source
 * @throws Fault CONFLICT when services are alive, or the target is not empty; CONFIGURATION_INVALID, UNAVAILABLE
 */
export async function copyCatalog(
  from: CatalogConfiguration,
  to: CatalogConfiguration,
  ignoreWorkers: boolean,
  cli: Cli,
  signal: AbortSignal,
): Promise<CatalogCopy> {
  if (JSON.stringify(normal(from)) === JSON.stringify(normal(to))) {
    throw new Fault('REQUEST_INVALID', '--from and --to name one and the same catalog');
  }
  await using source = await openCatalogTransfer(from, 'source');
  if (!ignoreWorkers) {
    await mustBeIdle(
      source,
      '; or give --ignore-workers, and know that what they write meanwhile may be missing in the copy',
    );
  }
  await using target = await openCatalogTransfer(to, 'target');
  await mustBeIdle(target, '');
  if (await target.isHalfFilled()) {
    cli.stderr.write(
      `gantry: ${target.name} is half filled by an earlier attempt: it is emptied and filled anew\n`,
    );
  }
  const expected = sumOf(await source.count());
  using progress = createProgressDisplay(cli.stderr, cli.env);
  try {
    const counts = await target.load(source.dump(), {
      signal,
      onProgress: (loaded) =>
        progress.show({
          state: 'running',
          text: `copy: ${describeProgress(loaded)}`,
          ...(expected > 0 && { share: sumOf(loaded) / expected }),
        }),
    });
    return { from: source.name, to: target.name, counts };
  } catch (error) {
    if (await target.isHalfFilled().catch(() => false)) {
      progress[Symbol.dispose]();
      cli.stderr.write(
        `gantry: ${target.name} is half filled now, and no service takes it: the same command starts anew\n`,
      );
    }
    throw error;
  }
}

function normal(configuration: CatalogConfiguration): CatalogConfiguration {
  return 'sqlite' in configuration
    ? { sqlite: { file: path.resolve(configuration.sqlite.file) } }
    : configuration;
}
