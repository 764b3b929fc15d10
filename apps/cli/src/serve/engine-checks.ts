import type { Catalog } from '@gantry/catalog';
import type { Messages } from '@gantry/messages';
import { Fault } from '@gantry/oci';
import { type PublishedTree, QUEUES } from '@gantry/pipeline';
import type { Health } from '@gantry/service';
import type { BlobStore } from '@gantry/store';
import { POINTER_PATH } from '@gantry/tree';
import { treeKey } from './tree-settings.ts';

/** SHA-256 of nothing: whether a store has it or not, it has to answer. */
const OF_NOTHING = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** A small question to each engine, which it answers if it is well. Each throws what the engine throws. */
export const askCatalog = async (catalog: Catalog): Promise<void> => void (await catalog.leases.list());
export const askMessages = async (messages: Messages): Promise<void> =>
  void (await messages.depth(QUEUES.commands));
export const askStore = async (store: BlobStore): Promise<void> => void (await store.stat(OF_NOTHING));
export const askTree = async ({ target }: PublishedTree): Promise<void> =>
  void (await target.source.stat(POINTER_PATH));

/** What a service works on. */
export interface Engines {
  readonly catalog: Catalog;
  readonly messages: Messages;
  readonly store: BlobStore;
  /** Absent: the service does not publish. */
  readonly trees?: readonly PublishedTree[];
}

/** Readiness by what a service works on, each under the name of its section in the configuration. */
export function addEngineChecks(health: Health, { catalog, messages, store, trees = [] }: Engines): void {
  const add = (section: string, ask: () => Promise<void>) =>
    health.addCheck(section, async () => {
      try {
        await ask();
      } catch (error) {
        // The fault names host or file and never a credential; anything else is told as "failed".
        throw error instanceof Fault ? new Fault(error.code, `does not answer: ${error.message}`) : error;
      }
    });
  add('catalog', () => askCatalog(catalog));
  add('messages', () => askMessages(messages));
  add('storage', () => askStore(store));
  for (const tree of trees) add(treeKey(tree.name), () => askTree(tree));
}
