import { openCatalog } from '@gantry/catalog';
import { newDatabase } from '../servers/mongo-engines.ts';
import type { MongoServer } from '../servers/mongo-java-server.ts';
import { startMongoProxy } from '../servers/mongo-proxy.ts';

/** A catalog of its own behind a proxy that may lose answers, and the same one past the proxy. */
export async function proxiedCatalog(server: MongoServer) {
  const open = new AsyncDisposableStack();
  const database = open.use(newDatabase((name) => server.url(name)));
  const proxy = open.use(await startMongoProxy(server.host));
  return {
    proxy,
    database,
    catalog: open.use(await openCatalog({ mongodb: { url: proxy.url(database.name) } })),
    direct: open.use(await openCatalog({ mongodb: { url: database.url } })),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
