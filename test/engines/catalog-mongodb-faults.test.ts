import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';
import { openCatalog, promotionRecord } from '@gantry/catalog';
import { MongoClient } from 'mongodb';
import { catalogIn } from '../../packages/catalog/src/mongodb.ts';
import {
  channelTag,
  digest,
  eventOf,
  poolObject,
  promotion,
} from '../../packages/catalog/src/contract/samples.ts';
import type { ChannelRow, PieceRow } from '../../packages/catalog/src/mongodb/channels.ts';
import { openDatabase } from '../../packages/catalog/src/mongodb/open-database.ts';
import { freePort } from '../servers/free-port.ts';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { type MongoDatabase, newDatabase } from '../servers/mongo-engines.ts';
import { startMongoProxy } from '../servers/mongo-proxy.ts';
import { needs } from '../servers/parts.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startToxiproxy } from '../servers/toxiproxy.ts';
import { until } from '../servers/until.ts';
import { proxiedCatalog } from './proxied-catalog.ts';

const LATER = '9999-01-01T00:00:00.000Z';
const MINUTE_MS = 60_000;

let server: MongoServer;
const withToxiproxy = needs('mongo-java-server', 'toxiproxy-server');
const real = needs('mongo-java-server').showing(() => [server]);
real.beforeAll(async () => {
  server = await startMongoJavaServer();
}, 60_000);
real.afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
}, 30_000);

real.test(
  'a publisher that is held up in the pool does not bring back what its successor took away',
  async () => {
    await using at = await proxiedCatalog(server);
    const { catalog, direct, proxy } = at;
    await direct.pool.apply('tree', 1, [poolObject('a')], []);
    const release = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    proxy.rule = async ({ name, collection }): Promise<'pass'> => {
      if (name !== 'insert' || collection !== 'pool') return 'pass';
      held.resolve();
      await release.promise;
      return 'pass';
    };
    const late = catalog.pool.apply('tree', 2, [poolObject('b'), poolObject('c')], []);
    await held.promise;
    await direct.pool.apply('tree', 2, [poolObject('b'), poolObject('c')], []);
    await direct.pool.apply('tree', 3, [poolObject('c', { size: 3 })], ['a', 'b']);
    release.resolve();
    await late;
    expect(await Array.fromAsync(direct.pool.list('tree'))).toEqual([poolObject('c', { size: 3 })]);
    expect(await direct.pool.getAll('tree', ['a', 'b'])).toEqual(new Map());
    expect(await direct.pool.serial('tree')).toBe(3);
    // what is taken away may come again
    await direct.pool.apply('tree', 4, [poolObject('b')], []);
    expect((await direct.pool.getAll('tree', ['b'])).size).toBe(1);
  },
  30_000,
);

real.test(
  'a writer that is killed between its two steps leaves a channel as it was, and what it left is swept',
  async () => {
    await using at = await proxiedCatalog(server);
    const { catalog, direct, proxy } = at;
    await direct.channels.apply('stable', 'app', [channelTag()], []);
    const never = Promise.withResolvers<'pass'>();
    const held = Promise.withResolvers<void>();
    proxy.rule = ({ name, collection }) => {
      if (name !== 'update' || collection !== 'channels') return 'pass';
      held.resolve();
      return never.promise;
    };
    const cut = catalog.channels.apply('stable', 'app', [channelTag({ tag: 'half' })], []);
    cut.catch(() => undefined);
    await held.promise;
    expect(await direct.channels.tagsOf('stable', 'app')).toEqual([channelTag()]);
    expect((await piecesOf(at.database)).unnamed).toHaveLength(1);
    const tags = Array.from({ length: 20 }, (_, at2) => channelTag({ tag: `t${at2}` }));
    for (const tag of tags) await direct.channels.apply('stable', 'app', [tag], []);
    expect(await piecesOf(at.database)).toMatchObject({ unnamed: [] });
    never.resolve('pass'); // it wakes, finds that the row has moved on, and begins anew
    await cut;
    expect((await direct.channels.tagsOf('stable', 'app')).map(({ tag }) => tag)).toEqual(
      ['half', 'latest', ...tags.map(({ tag }) => tag)].toSorted(),
    );
  },
  30_000,
);

withToxiproxy.test(
  'connections that break all the time lose and double nothing',
  async () => {
    await using database = newDatabase((name) => server.url(name));
    await using toxiproxy = await startToxiproxy(server.host, 4711);
    const url = `mongodb://${toxiproxy.url.slice('http://'.length)}/${database.name}`;
    await using one = await openCatalog({ mongodb: { url } });
    await using other = await openCatalog({ mongodb: { url } });
    await toxiproxy.add('cut', { type: 'reset_peer', attributes: { timeout: 40 } }, 0.5);
    const made = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const { promotions } = at % 2 ? one : other;
        const id = `p${at}`;
        const answer = await promotions.create(promotion(id), [eventOf(promotionRecord({ id }), 'accepted')]);
        const done = await promotions.replace({ ...answer.promotion, state: 'done' }, [
          eventOf(promotionRecord({ id }), 'done'),
        ]);
        return { ...answer, done };
      }),
    );
    await toxiproxy.remove('cut');
    await using direct = await openCatalog({ mongodb: { url: database.url } });
    expect(made.every(({ created }) => created)).toBe(true);
    const found = await direct.promotions.inStates(['done']);
    expect(found.toSorted(byId)).toEqual(made.map(({ done }) => done).toSorted(byId));
    expect(new Set(found.map(({ sequence }) => sequence)).size).toBe(100);
    const events = (await direct.outbox.pending(LATER, 1000)).map(({ id }) => id);
    expect(events.toSorted()).toEqual(
      made
        .flatMap(({ promotion: { id } }) => [`promotions/${id}/accepted`, `promotions/${id}/done`])
        .toSorted(),
    );
  },
  60_000,
);

real.test(
  'a server that is gone for ten seconds and comes back is waited for, and has all that it acknowledged',
  async () => {
    await using folder = await temporaryFolder('mongo');
    const [file, port] = [`${folder.path}/data`, await freePort()];
    const first = await startMongoJavaServer({ file, port });
    await using catalog = await openCatalog({ mongodb: { url: first.url('gantry') } });
    const before = await catalog.promotions.create(promotion('before'));
    const lease = await catalog.leases.acquire('publish', 'one', 10 * MINUTE_MS);
    await first.stop();
    const OUTAGE_MS = 10_000;
    const during = Promise.all([
      ...Array.from({ length: 20 }, (_, at) => catalog.promotions.create(promotion(`p${at}`))),
      catalog.promotions.create(promotion('twice', { idempotency: { key: 'k', body: digest('b') } })),
    ]);
    await pause(OUTAGE_MS);
    await using again = await startMongoJavaServer({ file, port });
    const made = await during;
    expect(made.every(({ created }) => created)).toBe(true);
    const sequences = made.map(({ promotion: { sequence } }) => sequence);
    expect(new Set(sequences).size).toBe(21);
    expect(Math.min(...sequences)).toBeGreaterThan(before.promotion.sequence);
    expect(await catalog.promotions.get('before')).toEqual(before.promotion);
    expect((await catalog.promotions.inStates(['queued'])).length).toBe(22);
    expect(await catalog.leases.list()).toEqual([lease]);
    expect(await catalog.leases.acquire('publish', 'two', MINUTE_MS)).toBeUndefined();
    expect(again.log()).toContain('ready');
  },
  60_000,
);

real.test(
  'a server that does not answer is named without the password, and so is an address that is none',
  async () => {
    const secret = 'correct-horse';
    const port = await freePort();
    const refused = {
      code: 'UNAVAILABLE',
      message: expect.stringContaining(`mongodb://127.0.0.1:${port}/gantry`),
    };
    const opening = openDatabase(
      `mongodb://gantry:${secret}@127.0.0.1:${port}/?authSource=admin`,
      catalogIn,
      {
        retryMs: 300,
      },
    );
    await expect(opening).rejects.toMatchObject(refused);
    const faults: unknown[] = [await opening.catch((error: unknown) => error)];

    await using database = newDatabase((name) => server.url(name));
    await using proxy = await startMongoProxy(server.host);
    await using catalog = await openDatabase(proxy.url(database.name), catalogIn, { retryMs: 300 });
    proxy.rule = () => 'lose';
    await expect(catalog.tasks.get('t1')).rejects.toMatchObject({ code: 'UNAVAILABLE', retry: true });
    proxy.rule = undefined;
    await until('an answer again', async () => (await catalog.tasks.get('t1')) === undefined);

    for (const url of [
      `mongodb://gantry:${secret}@`,
      `mongodb://gantry:${secret}@127.0.0.1:${port}/gantry?unknownOption=1`,
      `mongodb://gantry:${secret}@127.0.0.1:99999/gantry`,
      `http://gantry:${secret}@127.0.0.1/gantry`,
    ]) {
      const fault: unknown = await openCatalog({ mongodb: { url } }).catch((error: unknown) => error);
      expect(fault).toMatchObject({
        code: 'CONFIGURATION_INVALID',
        message: expect.stringMatching(/^catalog\.mongodb\.url: .*write mongodb:\/\/host:27017\/gantry/),
      });
      faults.push(fault);
    }
    for (const fault of faults) {
      expect(inspect(fault, { depth: 20, showHidden: true })).not.toContain(secret);
      expect(String((fault as Error).stack)).not.toContain(secret);
    }
  },
);

/** The pieces of channels' tags that no row names. */
async function piecesOf({ url }: MongoDatabase): Promise<{ unnamed: string[] }> {
  await using client = new MongoClient(url);
  const rows = await client.db().collection<ChannelRow>('channels').find().toArray();
  const pieces = await client.db().collection<PieceRow>('channel_tags').find().toArray();
  const named = new Set(rows.flatMap((row) => row.pieces.map(({ id }) => id)));
  return { unnamed: pieces.map(({ _id }) => _id).filter((id) => !named.has(id)) };
}

function byId(a: { readonly id: string } | undefined, b: { readonly id: string } | undefined): number {
  return (a?.id ?? '') < (b?.id ?? '') ? -1 : 1;
}
