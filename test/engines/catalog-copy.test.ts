import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type CatalogConfiguration, openCatalog, openCatalogTransfer } from '@gantry/catalog';
import { poolObject } from '../../packages/catalog/src/contract/samples.ts';
import { copy, dumpOf, transferContract } from '../../packages/catalog/src/contract/transfer.ts';
import { fillCatalog } from '../../packages/catalog/src/contract/filled-catalog.ts';
import { MongoClient } from 'mongodb';
import { startFerretdb } from '../servers/ferretdb.ts';
import { startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { GANTRY_BIN } from '../servers/gantry.ts';
import { type Part, withParts } from '../servers/parts.ts';
import { attempt } from '../servers/run.ts';
import { until } from '../servers/until.ts';

/** Catalogs as a whole on MongoDB's wire, and from SQLite there and back. */

interface Place extends AsyncDisposable {
  readonly configuration: CatalogConfiguration;
}

/** A server that has any number of databases. */
interface Databases extends AsyncDisposable {
  readonly url: (database: string) => string;
}

async function filePlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'gantry-copy-'));
  return {
    configuration: { sqlite: { file: path.join(folder, 'catalog.db') } },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function engine(name: string, parts: readonly Part[], start: () => Promise<Databases>): void {
  withParts(`catalogs as a whole, ${name}`, parts, () => {
    let server: Databases;
    beforeAll(async () => {
      server = await start();
    }, 60_000);
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
    }, 30_000);
    const databasePlace = async (): Promise<Place> => {
      const url = server.url(`gantry_${randomUUID().slice(0, 8)}`);
      return {
        configuration: { mongodb: { url } },
        async [Symbol.asyncDispose]() {
          await using client = new MongoClient(url);
          await client.db().dropDatabase();
        },
      };
    };

    transferContract(name, databasePlace);

    test('one that was killed while it filled a catalog is waited for, one that goes on is not', async () => {
      await using from = await filePlace();
      await using to = await databasePlace();
      {
        await using catalog = await openCatalog(from.configuration);
        await fillCatalog(catalog);
      }
      await using source = await openCatalogTransfer(from.configuration, 'source');
      await using first = await openCatalogTransfer(to.configuration, 'target');
      await using second = await openCatalogTransfer(to.configuration, 'target');
      const begun = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const slow = first.load(
        (async function* () {
          begun.resolve();
          await goOn.promise;
          yield* source.dump();
        })(),
      );
      await begun.promise;
      await expect(second.load(source.dump())).rejects.toMatchObject({
        code: 'CONFLICT',
        message: expect.stringContaining('is being filled by another'),
      });
      goOn.resolve();
      const counts = await slow;
      expect(counts).toEqual(await source.count());

      // A mark as kill -9 leaves it, of one that told last of itself just now.
      if (!('mongodb' in to.configuration)) throw new Error('no MongoDB');
      await using client = new MongoClient(to.configuration.mongodb.url);
      const killed = { halfFilled: true, filledBy: 'killed', filledAtMs: Date.now() - 14_000 };
      await client.db().collection<{ _id: string }>('schema').updateOne({ _id: 'catalog' }, { $set: killed });
      expect(await second.load(source.dump())).toEqual(counts);
      await using catalog = await openCatalog(to.configuration);
      expect(await catalog.pool.serial('main')).toBe(7);
    }, 90_000);

    test(`the command that copies a catalog to ${name} is killed, and made again`, async () => {
      await using from = await filePlace();
      await using to = await databasePlace();
      if (!('sqlite' in from.configuration && 'mongodb' in to.configuration))
        throw new Error('other engines');
      {
        await using catalog = await openCatalog(from.configuration);
        await fillCatalog(catalog);
        const objects = Array.from({ length: 3000 }, (_, at) => poolObject(`pool/${at}`));
        await catalog.pool.apply('large', 1, objects, []);
      }
      const { url } = to.configuration.mongodb;
      const words = ['catalog', 'copy', '--from', from.configuration.sqlite.file, '--to', 'env:TARGET'];
      const env = { ...process.env, TARGET: url };
      const child = spawn(process.execPath, [GANTRY_BIN, ...words], { env, stdio: 'ignore' });
      const exited = once(child, 'exit');
      await using client = new MongoClient(url);
      const pool = client.db().collection('pool');
      await until('some of the pool to be there', async () => (await pool.countDocuments({})) > 0);
      child.kill('SIGKILL');
      expect((await exited)[1]).toBe('SIGKILL');
      await expect(openCatalog(to.configuration)).rejects.toMatchObject({ code: 'CONFIGURATION_INVALID' });

      const { code, stderr } = await attempt(process.execPath, [GANTRY_BIN, ...words], { env });
      expect([code, stderr]).toEqual([0, expect.stringContaining('half filled by an earlier attempt')]);
      await using last = await filePlace();
      await copy(to.configuration, last.configuration);
      expect(await dumpOf(last.configuration)).toEqual(await dumpOf(from.configuration));
    }, 120_000);

    test(`from SQLite to ${name} and back, a catalog is what it was`, async () => {
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
    }, 60_000);
  });
}

engine('mongo-java-server', ['mongo-java-server'], () => startMongoJavaServer());
engine('FerretDB', ['ferretdb'], startFerretdb);

const given = process.env['GANTRY_TEST_MONGODB_URL'];
if (given !== undefined && given !== '') {
  engine('the MongoDB of GANTRY_TEST_MONGODB_URL', [], async () => ({
    url: (database) => given.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?/, `$1/${database}`),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));
}
