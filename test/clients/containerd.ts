import { glob, readFile } from 'node:fs/promises';
import { startContainerd } from '../servers/containerd.ts';
import type { KnownClient } from './client.ts';

/** `ctr images pull`, by a containerd of its own: the machine's own platform, unpacked. */
export async function openContainerd(): Promise<KnownClient> {
  const containerd = await startContainerd();
  const { ctr, snapshots } = containerd;
  return {
    pull: async (reference, ...options) => {
      const plainly = options.some((option) => option.startsWith('--hosts-dir=')) ? [] : ['--plain-http'];
      await ctr('images', 'pull', ...plainly, '--snapshotter', 'native', ...options, reference);
      const listed = await ctr('images', 'list', `name==${reference}`);
      const digest = /\s(sha256:[0-9a-f]{64})\s/.exec(listed)?.[1];
      if (digest === undefined) throw new Error(`containerd keeps ${reference} as ${listed}`);
      // A folder for each layer, with all that is below it; the layer of `hello` is the last one.
      const [hello = ''] = await Array.fromAsync(glob('*/hello', { cwd: snapshots }), (file) =>
        readFile(`${snapshots}/${file}`, 'utf8'),
      );
      await ctr('images', 'remove', '--sync', reference);
      return { digest, hello };
    },
    [Symbol.asyncDispose]: () => containerd[Symbol.asyncDispose](),
  };
}
