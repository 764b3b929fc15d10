import { hostname } from 'node:os';
import { openCatalog } from '@gantry/catalog';
import { type Flow, openFilesystemTarget, type PublishedTree } from '@gantry/pipeline';
import type { Configuration, Logger } from '@gantry/service';
import { openStore } from '@gantry/store';

/** What the flow works on, opened. */
export interface OpenFlow {
  readonly flow: Flow;
  readonly tree: PublishedTree;
}

/** The name of the tree that `tree` in the configuration describes. */
const MAIN_TREE = 'main';

/** Opens store, catalog and tree as they are configured; `resources` closes them. */
export async function openFlow(
  configuration: Configuration,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<OpenFlow> {
  const store = resources.use(await openStore(configuration.storage));
  const catalog = resources.use(await openCatalog(configuration.catalog));
  const flow: Flow = { catalog, store, log, now: () => new Date(), holder: `${hostname()} ${process.pid}` };
  const { filesystem, keepUntaggedMs, refreshMs } = configuration.tree;
  const target = await openFilesystemTarget(filesystem.root, store);
  return {
    flow,

    tree: { name: MAIN_TREE, target, channels: configuration.channels, keepUntaggedMs, refreshMs },
  };
}
