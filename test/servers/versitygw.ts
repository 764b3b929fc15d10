import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An S3 server on a folder of its own. */
export interface Versitygw extends ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** The folder that holds each bucket as a folder; `.sgwtmp` in it are the server's own files. */
  readonly data: string;
  /** Makes an empty bucket, and gives its configuration. */
  makeBucket(name: string): Promise<BucketPlace>;
  /** Makes a user, who may use no bucket. */
  addUser(accessKeyId: string, secretAccessKey: string): Promise<void>;
  /** The same server stopped (SIGKILL for a hard end) and started again on its port and folder. */
  restart(signal?: NodeJS.Signals): Promise<void>;
}

/** A bucket, as the store's and the tree's configuration take it. */
export interface BucketPlace {
  readonly bucket: string;
  readonly endpoint: string;
  readonly forcePathStyle: true;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** With a sidecar, as extended attributes are not to be had on every file system. */
const FLAGS = ['--quiet', '--keep-alive', 'posix'];

/** Starts versitygw (Go, Apache-2.0) on an empty folder. @param dataFolder for its buckets; absent: one of its own */
export async function startVersitygw(dataFolder?: string): Promise<Versitygw> {
  const folder = await temporaryFolder('versitygw');
  const data = dataFolder ?? path.join(folder.path, 'data');
  const sidecar = path.join(folder.path, 'sidecar');
  const users = path.join(folder.path, 'users');
  await Promise.all([data, sidecar, users].map((place) => mkdir(place, { recursive: true })));
  const credentials = { accessKeyId: 'gantry-test-key', secretAccessKey: 'gantry-test-secret' };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = () =>
    startProcess({
      name: 'versitygw',
      command: 'versitygw',
      args: ['--port', `127.0.0.1:${port}`, '--iam-dir', users, ...FLAGS, '--sidecar', sidecar, data],
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
    data,
    addUser: async (accessKeyId, secretAccessKey) => {
      const admin = ['admin', '--allow-insecure', '--endpoint-url', url];
      const user = ['create-user', '--access', accessKeyId, '--secret', secretAccessKey, '--role', 'user'];
      await run('versitygw', [...admin, ...user], {
        env: {
          PATH: process.env['PATH'],
          ADMIN_ACCESS_KEY_ID: credentials.accessKeyId,
          ADMIN_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        },
      });
    },
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
