import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { type KnownClient, repositoryOf, type SearchingClient } from './client.ts';

/** containers-policy.json(5): signatures are not what these tests are about. */
const ACCEPT_ANY = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

/** `podman pull` and `podman search`, with images of its own and none of the machine's settings. */
export async function openPodman(): Promise<SearchingClient & KnownClient> {
  const folder = await temporaryFolder('podman');
  const at = (name: string) => path.join(folder.path, name);
  await writeFile(at('policy.json'), ACCEPT_ANY);
  await writeFile(at('registries.conf'), 'unqualified-search-registries = []\n');
  const env = { ...process.env, CONTAINERS_REGISTRIES_CONF: at('registries.conf'), HOME: folder.path };
  const podman = (...args: string[]) =>
    run(
      'podman',
      [
        `--root=${at('images')}`,
        `--runroot=${at('run')}`,
        '--storage-driver=vfs', // an overlay needs a file system below it that allows one
        '--cgroup-manager=cgroupfs',
        '--events-backend=file',
        ...args,
      ],
      { env },
    );
  const plainly = ['--quiet', '--tls-verify=false', `--signature-policy=${at('policy.json')}`];
  return {
    pull: async (reference: string, ...options: readonly string[]) => {
      await podman('pull', ...plainly, ...options, reference);
      const digest = await podman('image', 'inspect', '--format', '{{.Digest}}', reference);
      const names = await podman('image', 'inspect', '--format', '{{json .RepoDigests}}', reference);
      if (!names.includes(`${repositoryOf(reference)}@${digest.trim()}`))
        throw new Error(`podman keeps ${reference} as ${names}, with the digest ${digest}`);
      const mounted = (await podman('image', 'mount', reference)).trim();
      const hello = await readFile(path.join(mounted, 'hello'), 'utf8');
      await podman('image', 'unmount', reference);
      await podman('image', 'rm', '--force', reference);
      return { digest: digest.trim(), hello };
    },
    search: async (term, ...options) => {
      const found = await podman(
        'search',
        '--no-trunc',
        '--tls-verify=false',
        '--format={{.Name}}\t{{.Description}}',
        ...options,
        term,
      );
      return found
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split('\t'))
        .map(([name = '', description = '']) => ({ name: name.trim(), description: description.trim() }));
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
