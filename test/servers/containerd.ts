import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startProcess, type ServerProcess } from './process.ts';
import { attempt, run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A containerd of its own: socket, state and content in one temporary folder. */
export interface Containerd extends ServerProcess {
  /** Runs `ctr` against it, and gives its stdout. */
  readonly ctr: (...args: string[]) => Promise<string>;
  /** Where the snapshotter `native` keeps what is unpacked: a folder a snapshot. */
  readonly snapshots: string;
}

/** What is left out needs devices, kernel modules or a network of its own; images are unpacked by the snapshotter `native`. */
const DISABLED = [
  'io.containerd.grpc.v1.cri',
  ...['aufs', 'btrfs', 'devmapper', 'overlayfs', 'zfs'].map((name) => `io.containerd.snapshotter.v1.${name}`),
];

/** Starts containerd. It must be root. */
export async function startContainerd(): Promise<Containerd> {
  const folder = await temporaryFolder('containerd');
  const at = (name: string) => path.join(folder.path, name);
  const settings = [
    'version = 2',
    `root = "${at('root')}"`,
    `state = "${at('state')}"`,
    `disabled_plugins = ${JSON.stringify(DISABLED)}`,
    `[grpc]\n  address = "${at('socket')}"`,
    `[ttrpc]\n  address = "${at('ttrpc')}"`,
  ];
  await writeFile(at('config.toml'), `${settings.join('\n')}\n`);
  const words = ['--address', at('socket'), '--namespace', 'tests'];
  const server = await startProcess({
    name: 'containerd',
    command: 'containerd',
    args: ['--config', at('config.toml')],
    ready: async () => (await attempt('ctr', [...words, 'version'])).code === 0,
    readyWithinMs: 90_000,
  });
  return {
    ...server,
    ctr: (...args) => run('ctr', [...words, ...args]),
    snapshots: at('root/io.containerd.snapshotter.v1.native/snapshots'),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
