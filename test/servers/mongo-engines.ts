import { randomUUID } from 'node:crypto';
import { MongoClient } from 'mongodb';
import { startFerretdb } from './ferretdb.ts';
import { type MongoServer, startMongoJavaServer } from './mongo-java-server.ts';
import { type Part, withParts } from './parts.ts';

/** A server that the catalog's tests run on. */
export interface MongoEngine {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly start: () => Promise<Pick<MongoServer, 'url' | keyof AsyncDisposable>>;
}

export const MONGO_JAVA: MongoEngine = {
  name: 'mongo-java-server',
  parts: ['mongo-java-server'],
  start: () => startMongoJavaServer(),
};

/** The servers that stand in for MongoDB, and the MongoDB that GANTRY_TEST_MONGODB_URL names. */
export const MONGO_ENGINES: readonly MongoEngine[] = [
  MONGO_JAVA,
  { name: 'FerretDB', parts: ['ferretdb'], start: startFerretdb },
  ...realMongodb(process.env['GANTRY_TEST_MONGODB_URL']),
];

/** Defines tests for an engine that is started before them and ended after them. */
export function onMongoEngine(
  engine: MongoEngine,
  define: (server: { newDatabase(): MongoDatabase }) => void,
): void {
  withParts(`${engine.name} as catalog`, engine.parts, () => {
    let server: Awaited<ReturnType<MongoEngine['start']>>;
    beforeAll(async () => {
      server = await engine.start();
    }, 60_000);
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
    }, 30_000);
    describe(engine.name, () => define({ newDatabase: () => newDatabase((name) => server.url(name)) }));
  });
}

/** A database of a test's own, dropped when it is disposed of. */
export interface MongoDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
}

export function newDatabase(urlOf: (name: string) => string): MongoDatabase {
  const name = `gantry_test_${randomUUID().slice(0, 8)}`;
  const url = urlOf(name);
  return {
    url,
    name,
    [Symbol.asyncDispose]: async () => {
      await using client = new MongoClient(url);
      await client.db(name).dropDatabase();
    },
  };
}

function realMongodb(url: string | undefined): MongoEngine[] {
  if (url === undefined || url === '') return [];
  const [, before = '', user = '', hosts = '', options = ''] =
    /^(mongodb(?:\+srv)?:\/\/)([^/?]*@)?([^/?]+)(?:\/[^?]*)?(?:\?(.*))?$/.exec(url) ?? [];
  // An account of the server is kept in `admin`, whichever database the address names.
  const known = user === '' || options.includes('authSource=') ? options : `authSource=admin&${options}`;
  const server = {
    url: (database: string) => `${before}${user}${hosts}/${database}?${known}`,
    [Symbol.asyncDispose]: async () => undefined,
  };
  return [{ name: 'MongoDB', parts: [], start: async () => server }];
}
