import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The configuration that the project ships for masters and mirrors. */
const SHIPPED = fileURLToPath(new URL('../../scripts/mirror/rsyncd.conf', import.meta.url));

/** An rsync daemon that offers a folder as the module `gantry`. */
export interface Rsyncd extends ServerProcess {
  /** `rsync://127.0.0.1:PORT/gantry` */
  readonly url: string;
}

/** @param options shipped: with the project's own configuration, which needs root; rules: more lines for the module */
export async function startRsyncd(root: string, { shipped = false, rules = '' } = {}): Promise<Rsyncd> {
  const folder = await temporaryFolder('rsyncd');
  const port = await freePort();
  const configuration = path.join(folder.path, 'rsyncd.conf');
  const log = 'log file = /dev/stderr\n';
  const text = shipped
    ? log +
      (await readFile(SHIPPED, 'utf8'))
        .replace('/srv/gantry/tree', root)
        .replace('/var/run/rsyncd-gantry.lock', path.join(folder.path, 'lock'))
    : `use chroot = no\n${log}[gantry]\npath = ${root}\nread only = yes\nexclude = /.tmp\n${rules}`;
  await writeFile(configuration, text);
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
