import path from 'node:path';
import { freePort } from './free-port.ts';
import { BUILT_SERVERS, type MongoServer } from './mongo-java-server.ts';
import { startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** FerretDB 1 in a program of ours, `ferretdb/main.go`. */
export const FERRETDB = path.join(BUILT_SERVERS, 'ferretdb');

export interface Ferretdb extends MongoServer {
  /** The address of one database by FerretDB's own socket, where it takes several commands at once. */
  unguardedUrl(database: string): string;
}

/** Starts FerretDB on SQLite files in a folder of its own. */
export async function startFerretdb(): Promise<Ferretdb> {
  const folder = await temporaryFolder('ferretdb');
  const host = `127.0.0.1:${await freePort()}`;
  const server = await startProcess({
    name: 'ferretdb',
    command: FERRETDB,
    args: [host, folder.path],
    ready: async (log) => log.includes('Listening on'),
  });
  return {
    ...server,
    host,
    url: (database) => `mongodb://${host}/${database}`,
    unguardedUrl: (database) =>
      `mongodb://${encodeURIComponent(path.join(folder.path, 'ferretdb.sock'))}/${database}`,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
