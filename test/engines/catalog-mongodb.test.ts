import { randomUUID } from 'node:crypto';
import { openCatalog } from '@gantry/catalog';
import { MongoClient } from 'mongodb';
import { catalogContract } from '../../packages/catalog/src/catalog.contract.ts';
import { startFerretdb } from '../servers/ferretdb.ts';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { type Part, withParts } from '../servers/parts.ts';

function engine(name: string, parts: readonly Part[], start: () => Promise<MongoServer>): void {
  withParts(`${name} as catalog`, parts, () => {
    let server: MongoServer;
    beforeAll(async () => {
      server = await start();
    }, 60_000);
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
    }, 30_000);
    catalogContract(name, async () => {
      const url = server.url(`gantry_${randomUUID().slice(0, 8)}`);
      const open = new AsyncDisposableStack();
      return {
        connect: async () => open.use(await openCatalog({ mongodb: { url } })),
        [Symbol.asyncDispose]: async () => {
          await open.disposeAsync();
          await using client = new MongoClient(url);
          await client.db().dropDatabase();
        },
      };
    });
  });
}

engine('mongo-java-server', ['mongo-java-server'], () => startMongoJavaServer());
engine('FerretDB', ['ferretdb'], startFerretdb);
