import { join } from 'node:path';
import { openCatalog } from '@gantry/catalog';
import { openStore } from '@gantry/store';
import type { Channel, Flow } from '../context.ts';
import { openFilesystemTarget } from '../publish/filesystem-target.ts';
import { type PublishedTree, RETENTION } from '../publish/published-tree.ts';

export const CHANNELS: readonly Channel[] = [{ name: 'stable', prefix: '', publish: true }];

/** The parts in a folder, opened as another process would. */
export async function openParts(
  root: string,
): Promise<{ flow: Flow; tree: PublishedTree } & AsyncDisposable> {
  const catalog = await openCatalog({ sqlite: { file: join(root, 'catalog.db') } });
  const store = await openStore({ filesystem: { root: join(root, 'store') } });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const flow: Flow = { catalog, store, log, now: () => new Date(), holder: `test ${process.pid}` };
  const target = await openFilesystemTarget(join(root, 'tree'), store);
  const days = 86_400_000;
  return {
    flow,
    tree: {
      name: 'main',
      target,
      channels: CHANNELS,
      keepUntaggedMs: 30 * days,
      retention: RETENTION,
      refreshMs: days,
    },
    async [Symbol.asyncDispose]() {
      await catalog[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}
