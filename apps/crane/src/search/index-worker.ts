import { parentPort, workerData } from 'node:worker_threads';
import { asFault, Fault } from '@gantry/oci';
import { directoryTree, httpTree, openTree } from '@gantry/tree';
import { NO_TREE } from '../follow/no-tree.ts';
import { createIndexFollower } from './index-follower.ts';
import { createWordsReader } from './repository-words.ts';
import { shareIndex } from './shared-index.ts';
import type { Errand, IndexOptions, Reply } from './tree-search.ts';
import { createWordIndex } from './word-index.ts';

/** The thread of {@link startTreeSearch}: keeps the index, and finds in it. */
const { place, tags, labels } = workerData as IndexOptions;

/** Of documents that are read again for the next serial: shards, for the most part. */
const CACHE_BYTES = 1024 * 1024;
const TREE_SILENCE_MS = 10_000;

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has none
const reply = (message: Reply) => parentPort?.postMessage(message);
const source =
  place === undefined
    ? NO_TREE
    : 'directory' in place
      ? directoryTree(place.directory)
      : httpTree(place.url, { timeoutMs: TREE_SILENCE_MS, signal: new AbortController().signal });
const index = createWordIndex();
const { ofTree, further } = shareIndex(index);
const follower = createIndexFollower({
  index: ofTree,
  read: createWordsReader(source, { tags, labels }),
  onNames: ({ statement }) => reply({ names: index.size, serial: statement.serial }),
  onWords: ({ statement }, reading) => reply({ ...reading, serial: statement.serial }),
});

async function follow(serial: number, root: string): Promise<void> {
  const view = await openTree(source, { serial, cacheBytes: CACHE_BYTES });
  if (view === undefined || view.statement.root !== root)
    throw new Fault(
      'UNAVAILABLE',
      `the statement of serial ${serial} of ${source.name} is not what is served`,
    );
  await follower.follow(view);
}

parentPort?.on('message', (errand: Errand) => {
  if ('find' in errand) {
    reply({ id: errand.id, found: index.find(errand.find, errand.limit) });
    return;
  }
  if ('came' in errand) {
    for (const name of errand.gone) further.remove(name);
    for (const name of errand.came) further.put(name);
    return;
  }
  follow(errand.serial, errand.root).catch((error: unknown) =>
    reply({ failed: asFault(error).message, serial: errand.serial }),
  );
});
