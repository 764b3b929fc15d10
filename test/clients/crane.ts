import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import type { Client } from './client.ts';

/** `crane pull` and `crane validate` of go-containerregistry: the second reads every layer and compares it with the config. */
export async function openCraneClient(): Promise<Client> {
  return {
    pull: async (reference) => {
      await using folder = await temporaryFolder('crane-client');
      const to = path.join(folder.path, 'copy');
      await run('crane', ['validate', '--insecure', '--remote', reference]);
      await run('crane', ['pull', '--insecure', '--format=oci', reference, to]);
      const layout = JSON.parse(await readFile(path.join(to, 'index.json'), 'utf8')) as {
        manifests: { digest: string }[];
      };
      return { digest: layout.manifests[0]?.digest ?? 'none' };
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
