import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ServerProcess, startProcess } from './process.ts';
import { attempt, run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A Docker daemon of its own: socket, data and containerd in one temporary folder, no network set up. */
export interface Dockerd extends ServerProcess {
  /** Runs the docker client against it, and gives its stdout. */
  readonly docker: (...args: string[]) => Promise<string>;
}

export interface DockerdOptions {
  /** What it finds as /etc/docker and as /etc/hosts; absent: the machine's own. */
  readonly etc?: { readonly docker: string; readonly hosts: string };
}

/** In a mount namespace of its own, so that the machine keeps its files. */
const WITH_ETC =
  'mount --bind "$1" /etc/docker && mount --bind "$2" /etc/hosts && shift 2 && exec dockerd "$@"';

/** Starts dockerd. It must be root; it touches neither the machine's firewall nor its bridges. */
export async function startDockerd({ etc }: DockerdOptions = {}): Promise<Dockerd> {
  const folder = await temporaryFolder('dockerd');
  const at = (name: string) => path.join(folder.path, name);
  if (etc !== undefined) await mkdir('/etc/docker', { recursive: true }); // as dockerd itself makes it
  const host = `unix://${at('socket')}`;
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_CONFIG: at('client'), DOCKER_CONTEXT: undefined };
  const server = await startProcess({
    name: 'dockerd',
    command: etc === undefined ? 'dockerd' : 'unshare',
    args: [
      ...(etc === undefined ? [] : ['--mount', 'sh', '-c', WITH_ETC, 'sh', etc.docker, etc.hosts]),
      '--iptables=false',
      '--ip6tables=false',
      '--bridge=none',
      '--storage-driver=vfs',
      `--host=${host}`,
      `--data-root=${at('data')}`,
      `--exec-root=${at('run')}`,
      `--pidfile=${at('pid')}`,
    ],
    ready: async () => (await attempt('docker', ['version'], { env })).code === 0,
    readyWithinMs: 90_000,
  });
  return {
    ...server,
    docker: (...args) => run('docker', args, { env }),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await unmountBelow(folder.path);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** dockerd mounts its data folder onto itself, and does not everywhere manage to take that back. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mountinfo', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  // The mounts of a mount come after it.
  for (const mount of mounts.filter((place) => place.startsWith(`${folder}/`)).toReversed())
    await run('umount', ['--lazy', mount]);
}
