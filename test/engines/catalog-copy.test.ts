import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CatalogConfiguration, openCatalog } from '@gantry/catalog';
import { copy, dumpOf, fillCatalog, transferContract } from '../../packages/catalog/src/contract/transfer.ts';
import { startFerretdb } from '../servers/ferretdb.ts';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { needs, withParts } from '../servers/parts.ts';

/** Catalogs as a whole on MongoDB's wire, and from SQLite there and back. */

const SERVERS = {
  'mongo-java-server': () => startMongoJavaServer(),
  ferretdb: () => startFerretdb(),
} as const;

interface Place extends AsyncDisposable {
  readonly configuration: CatalogConfiguration;
}

async function filePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gantry-copy-'));
  return {
    configuration: { sqlite: { file: path.join(folder, 'catalog.db') } },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

describe.each(Object.keys(SERVERS) as (keyof typeof SERVERS)[])('%s', (name) => {
  let server: MongoServer;
  let databases = 0;
  const given = process.env['GANTRY_TEST_MONGODB_URL'];
  const real = needs(...(given === undefined ? [name] : []));
  real.beforeAll(async () => {
    server = await SERVERS[name]();
  }, 60_000);
  real.afterAll(async () => server?.[Symbol.asyncDispose](), 60_000);
  const databasePlace = async (): Promise<Place> => ({
    configuration: { mongodb: { url: server.url(`copy${databases++}`) } },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });

  withParts(`the contract of catalogs as a whole, ${name}`, [name], () =>
    transferContract(name, databasePlace),
  );

  real.test(
    'from SQLite there and back, a catalog is what it was',
    async () => {
      await using first = await filePlace();
      await using middle = await databasePlace();
      await using last = await filePlace();
      {
        await using catalog = await openCatalog(first.configuration);
        await fillCatalog(catalog);
      }
      const there = await copy(first.configuration, middle.configuration);
      const back = await copy(middle.configuration, last.configuration);
      expect(back).toEqual(there);
      expect(await dumpOf(last.configuration)).toEqual(await dumpOf(first.configuration));
    },
    60_000,
  );
});
