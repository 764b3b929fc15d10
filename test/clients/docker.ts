import { type DockerdOptions, startDockerd } from '../servers/dockerd.ts';
import { repositoryOf, type SearchingClient } from './client.ts';

/** A client that keeps the credentials it is given, as `docker login` does. */
export interface DockerClient extends SearchingClient {
  login(host: string, user: string, password: string): Promise<unknown>;
  logout(host: string): Promise<unknown>;
}

/** `docker pull`, `docker search` and `docker login`, by a daemon of its own. */
export async function openDocker(daemon?: DockerdOptions): Promise<DockerClient> {
  const dockerd = await startDockerd(daemon);
  const { docker } = dockerd;
  return {
    pull: async (reference) => {
      await docker('pull', '--quiet', reference);
      const inspected = await docker('image', 'inspect', '--format', '{{json .RepoDigests}}', reference);
      const known = JSON.parse(inspected) as string[];
      const pulled = known.find((name) => name.startsWith(`${repositoryOf(reference)}@`));
      if (pulled === undefined) throw new Error(`docker keeps ${reference} as ${inspected}`);
      const container = (await docker('create', '--network=none', reference)).trim();
      const hello = fileInTar(await docker('cp', `${container}:/hello`, '-'));
      await docker('rm', container);
      await docker('image', 'rm', '--force', reference);
      return { digest: pulled.slice(pulled.indexOf('@') + 1), hello };
    },
    login: (host, user, password) => docker('login', `--username=${user}`, `--password=${password}`, host),
    logout: (host) => docker('logout', host),
    search: async (term, ...options) => {
      const found = await docker('search', '--no-trunc', '--format', '{{json .}}', ...options, term);
      return found
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { Name: string; Description: string })
        .map(({ Name: name, Description: description }) => ({ name, description }));
    },
    [Symbol.asyncDispose]: () => dockerd[Symbol.asyncDispose](),
  };
}

/** The content of the only file in a tar: its size stands in octal at 124, its content follows the header of 512 bytes. */
function fileInTar(tar: string): string {
  const size = Number.parseInt(tar.slice(124, 135), 8);
  return tar.slice(512, 512 + size);
}
