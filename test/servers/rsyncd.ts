import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An rsync daemon that offers a folder as the module `gantry`. */
export interface Rsyncd extends ServerProcess {
  /** `rsync://127.0.0.1:PORT/gantry` */
  readonly url: string;
}

export async function startRsyncd(root: string): Promise<Rsyncd> {
  const folder = await temporaryFolder('rsyncd');
  const port = await freePort();
  const configuration = path.join(folder.path, 'rsyncd.conf');
  await writeFile(
    configuration,
    `use chroot = no\nlog file = /dev/stderr\n[gantry]\npath = ${root}\nread only = yes\nexclude = /.tmp\n`,
  );
  const server = await startProcess({
    name: 'rsyncd',
    command: 'rsync',
    args: ['--daemon', '--no-detach', '--address=127.0.0.1', `--port=${port}`, `--config=${configuration}`],
    ready: () => answers(port),
  });
  return {
    ...server,
    url: `rsync://127.0.0.1:${port}/gantry`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function answers(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('data', () => resolve(true)); // its greeting
  socket.once('error', () => resolve(false));
  socket.once('close', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
