import path from 'node:path';
import { directoryTree, layTree, mirrorClient, openTree } from '@gantry/tree';
import {
  repositoryOf,
  type SampleImage,
  sampleImage,
  startMirror,
  temporaryFolder,
} from '../crane.fixture.ts';
import { type MirrorState, readMirrors, unprobed } from '../choose/mirror.ts';
import { type DoubtedObject, probeMirror } from './probe-mirror.ts';
import { createProbedTrees } from './probed-tree.ts';

/** What is known of a mirror of the scene's first serial that serves it rightly. */
export const ALL_WELL = { healthy: true, serial: 1, kinds: new Set(['oci-manifest']) };

/** A tree of two serials, and a mirror of it. */
export async function openScene(tree = 'tree') {
  const folder = await temporaryFolder();
  const directory = path.join(folder.path, 'tree');
  const [first, second] = [sampleImage(), sampleImage()];
  const lay = (images: Record<string, SampleImage>, publishedMs?: number) =>
    layTree(directory, {
      tree,
      repositories: [repositoryOf('app', images)],
      ...(publishedMs === undefined ? {} : { publishedMs }),
    });
  await lay({ first });
  const mirror = await startMirror();
  await mirror.copyFrom(directory);
  const source = directoryTree(directory);
  const trees = createProbedTrees(source);
  const view = async () => {
    const opened = await openTree(source);
    if (opened === undefined) throw new Error('no tree');
    return opened;
  };
  return {
    directory,
    first,
    second,
    mirror,
    /** Publishes the second image, too. */
    publish: (publishedMs?: number) => lay({ first, second }, publishedMs),
    async probe(
      former?: MirrorState,
      url = mirror.url,
      doubted: readonly DoubtedObject[] = [],
    ): Promise<MirrorState> {
      const [configured] = readMirrors([{ name: 'one', url }]);
      if (configured === undefined) throw new Error('no mirror');
      const signal = new AbortController().signal;
      await using client = mirrorClient(configured.base, { userAgent: 'test', timeoutMs: 3000, signal });
      const probed = await trees.at(await view());
      return (await probeMirror(client, former ?? unprobed(configured), probed, doubted)).state;
    },
    async [Symbol.asyncDispose]() {
      await mirror[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
