import { hostname } from 'node:os';
import { openCatalog } from '@gantry/catalog';
import type { Fault } from '@gantry/oci';
import { type Messages, openMessages, type OpenOptions } from '@gantry/messages';
import {
  type Channel,
  type Flow,
  openTreeSource as openSource,
  openTreeTarget,
  type OwnTree,
  type PublishedTree,
  shareOut,
} from '@gantry/pipeline';
import type { Configuration, Logger, TreeConfiguration } from '@gantry/service';
import { openStore } from '@gantry/store';
import type { TreeSource } from '@gantry/tree';
import { mustBeDistinct } from './distinct-trees.ts';
import { askCatalog, askMessages, askStore, askTree } from './engine-checks.ts';
import { catalogSettings, messagesSettings, placeSettings } from './engine-settings.ts';
import { openChannels } from './open-channels.ts';
import { treeKey, treeSettings } from './tree-settings.ts';
import { openAtOnce, type OpenEngine } from './when-it-answers.ts';

/** What the flow works on, opened. */
export interface OpenFlow {
  readonly flow: Flow;
  /** Of all trees, as they are configured. */
  readonly channels: readonly Channel[];
  /** The main one first. */
  readonly trees: readonly PublishedTree[];
}

/** Opens store, catalog and trees as they are configured; `resources` closes them. Each has answered once. */
export async function openFlow(
  configuration: Configuration,
  log: Logger,
  resources: AsyncDisposableStack,
  openEngine: OpenEngine = openAtOnce,
): Promise<OpenFlow> {
  const storage = await placeSettings(configuration.storage);
  const settings = await catalogSettings(configuration.catalog);
  const channels = await openChannels(configuration.channels);
  const store = resources.use(
    await openEngine('storage', () =>
      openAndAsk(() => openStore(storage, { onTrouble: warn(log, 'storage.trouble') }), askStore),
    ),
  );
  const catalog = resources.use(
    await openEngine('catalog', () => openAndAsk(() => openCatalog(settings), askCatalog)),
  );
  const flow: Flow = { catalog, store, log, now: () => new Date(), holder: `${hostname()} ${process.pid}` };
  const open = async (share: OwnTree): Promise<PublishedTree> => {
    const configured = treeSettings(configuration, share.name);
    const { keepUntaggedMs, retention, refreshMs } = configured;
    const place = await placeSettings(configured);
    return openEngine(treeKey(share.name), async () => {
      const target = await openTreeTarget(place, store, { onTrouble: warn(log, 'tree.trouble') });
      const opened = { ...share, target, keepUntaggedMs, retention, refreshMs };
      await askTree(opened);
      return opened;
    });
  };
  const shares = shareOut(Object.keys(configuration.trees), channels);
  const trees = await Promise.all(shares.map(open));
  await mustBeDistinct(configuration, trees);
  return { flow, channels, trees };
}

/** A tree that is configured, for reading. */
export async function openTreeSource(tree: TreeConfiguration): Promise<TreeSource> {
  return openSource(await placeSettings(tree));
}

/** Opens the queues as they are configured; `resources` closes them. They have answered once. */
export async function openQueues(
  configuration: Configuration,
  log: Logger,
  resources: AsyncDisposableStack,
  openEngine: OpenEngine,
): Promise<Messages> {
  const settings = await messagesSettings(configuration.messages);
  const options: OpenOptions = {
    onTrouble: warn(log, 'messages.trouble'),
    onRecovery: () => log.info({}, 'messages.recovered'),
  };
  return resources.use(
    await openEngine('messages', () => openAndAsk(() => openMessages(settings, options), askMessages)),
  );
}

/** Logs what an engine tells beside its calls. */
function warn(log: Logger, event: string): (fault: Fault) => void {
  return (fault) => log.warn({ err: fault }, event);
}

async function openAndAsk<T extends AsyncDisposable>(
  open: () => Promise<T>,
  ask: (opened: T) => Promise<void>,
): Promise<T> {
  await using resources = new AsyncDisposableStack();
  const opened = resources.use(await open());
  await ask(opened);
  resources.move();
  return opened;
}
