import { homedir } from 'node:os';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';

/** Where .ci/run puts the servers that it builds. */
export const BUILT_SERVERS = path.join(
  process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
  'gantry-test',
);
/** Its jars, and the class that starts it, made of `mongo-java-server/MongoJavaServer.java`. */
export const MONGO_JAVA_SERVER = path.join(BUILT_SERVERS, 'mongo-java-server');

/** A server that speaks MongoDB's wire protocol. */
export interface MongoServer extends ServerProcess {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** The address of one database. */
  url(database: string): string;
}

/** Starts mongo-java-server, in memory, or on a file whose content outlives it. */
export async function startMongoJavaServer(
  options: { readonly file?: string; readonly port?: number } = {},
): Promise<MongoServer> {
  const port = options.port ?? (await freePort());
  const server = await startProcess({
    name: 'mongo-java-server',
    command: 'java',
    args: [
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-cp',
      `${MONGO_JAVA_SERVER}:${MONGO_JAVA_SERVER}/*`,
      'MongoJavaServer',
      String(port),
      ...(options.file === undefined ? [] : [options.file]),
    ],
    ready: async (log) => log.includes('ready'),
    readyWithinMs: 90_000,
  });
  const host = `127.0.0.1:${port}`;
  return { ...server, host, url: (database) => `mongodb://${host}/${database}` };
}
