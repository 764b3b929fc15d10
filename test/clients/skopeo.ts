import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '@gantry/oci';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import type { Client } from './client.ts';

/** `skopeo copy --all`, into a folder: every image of an index, each manifest with the bytes that came. */
export async function openSkopeo(): Promise<Client> {
  return {
    pull: async (reference) => {
      await using folder = await temporaryFolder('skopeo');
      const to = path.join(folder.path, 'copy');
      await run('skopeo', [
        'copy',
        '--all',
        '--insecure-policy',
        '--src-tls-verify=false',
        `docker://${reference}`,
        `dir:${to}`,
      ]);
      return { digest: digestOf(await readFile(path.join(to, 'manifest.json'))) };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
