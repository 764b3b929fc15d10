import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An S3 server on a folder of its own. */
export interface Versitygw extends ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Makes an empty bucket, and gives its configuration. */
  makeBucket(name: string): Promise<{
    readonly bucket: string;
    readonly endpoint: string;
    readonly forcePathStyle: true;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  }>;
  /** The same server stopped (SIGKILL for a hard end) and started again on its port and folder. */
  restart(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts versitygw (Go, Apache-2.0) on an empty folder; its buckets are the folders in it. */
export async function startVersitygw(): Promise<Versitygw> {
  const folder = await temporaryFolder('versitygw');
  const data = path.join(folder.path, 'data');
  const sidecar = path.join(folder.path, 'sidecar');
  await Promise.all([mkdir(data), mkdir(sidecar)]);
  const credentials = { accessKeyId: 'gantry-test-key', secretAccessKey: 'gantry-test-secret' };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = () =>
    startProcess({
      name: 'versitygw',
      command: 'versitygw',
      // A sidecar: extended attributes are not to be had on every file system.
      args: ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', 'posix', '--sidecar', sidecar, data],
      env: {
        PATH: process.env['PATH'],
        ROOT_ACCESS_KEY: credentials.accessKeyId,
        ROOT_SECRET_KEY: credentials.secretAccessKey,
      },
      // Unsigned requests are refused, by a server that is up.
      ready: async () => (await fetch(url)).status === 403,
    });
  let server: ServerProcess;
  try {
    server = await start();
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  const stop = async () => {
    const exit = await server.stop();
    await folder[Symbol.asyncDispose]();
    return exit;
  };
  return {
    name: 'versitygw',
    get pid() {
      return server.pid;
    },
    log: () => server.log(),
    get ended() {
      return server.ended;
    },
    kill: (signal) => server.kill(signal),
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
    url,
    credentials,
    makeBucket: async (name) => {
      await mkdir(path.join(data, name));
      return { bucket: name, endpoint: url, forcePathStyle: true, credentials };
    },
    restart: async (signal = 'SIGTERM') => {
      await server.kill(signal);
      server = await start();
    },
  };
}
