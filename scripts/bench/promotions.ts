import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type Catalog, openCatalog } from '@gantry/catalog';
import { type Messages, openMessages } from '@gantry/messages';
import { QUEUES } from '@gantry/pipeline';
import { createInProcessRegistry, makeImage, makeLayer } from '@gantry/registry';
import { startService } from '../../test/end-to-end/engines-world.ts';
import { inParallel } from '../../test/fixtures/in-parallel.ts';
import { freePort } from '../../test/servers/free-port.ts';
import { ADMIN_TOKEN, gantry, writeConfiguration } from '../../test/servers/gantry.ts';
import { MONGO_ENGINES, newDatabase } from '../../test/servers/mongo-engines.ts';
import { startMongoJavaServer } from '../../test/servers/mongo-java-server.ts';
import { startRabbitmq } from '../../test/servers/rabbitmq.ts';
import { temporaryFolder } from '../../test/servers/temporary-folder.ts';
import { besideAim, median, type Result } from './results.ts';

const ROUNDS = 3;
const REPOSITORIES = 10;
const PROMOTIONS = 200;
/** So many at once are to be done within so many seconds. */
const MANY = 1000;
const MANY_AIM_S = 30;
const LOOK_EVERY_MS = 20;
const GIVE_UP_MS = 300_000;

/** A Gantry with its candidates, whose promotions are counted. */
interface Site {
  readonly catalog: Catalog;
  readonly messages: Messages;
  /** Starts one more promote process. */
  startWorker(): Promise<void>;
}

/**
 * Promotions of a tag each, all queued at once as messages, until the last of them is done: through RabbitMQ and MongoDB's
 * wire with one and two promote processes, each beside the embedded engines with one. In turn, so that all meet the same
 * machine. Store and tree are folders, as what is compared is catalog and queue. MongoDB is what GANTRY_TEST_MONGODB_URL names,
 * or else mongo-java-server on a file, which looks through a collection for all that does not go by a key.
 */
export async function benchPromotions({
  promotions = PROMOTIONS,
  many = MANY,
  rounds = ROUNDS,
} = {}): Promise<Result[]> {
  await using opened = new AsyncDisposableStack();
  const registry = createInProcessRegistry();
  for (let number = 0; number < REPOSITORIES; number++)
    registry.push(`bench/app-${number}`, image(`app ${number}`), '1');
  const { url: upstream } = opened.use(await registry.listen());
  const [mongoFolder, broker] = await Promise.all([temporaryFolder('bench-mongo'), startRabbitmq()]);
  for (const part of [mongoFolder, broker]) opened.use(part);
  const real = MONGO_ENGINES.find(({ name }) => name === 'MongoDB');
  const mongo = opened.use(
    await (real?.start() ?? startMongoJavaServer({ file: path.join(mongoFolder.path, 'catalog') })),
  );
  const database = opened.use(newDatabase((name) => mongo.url(name)));
  const onEngines = await openSite(opened, upstream, {
    catalog: { mongodb: { url: database.url } },
    messages: { amqp: { url: broker.url(), exchange: 'gantry' } },
  });
  const embedded = await openSite(opened, upstream, {});

  const results: Result[] = [];
  for (const workers of [1, 2]) {
    await onEngines.startWorker();
    if (workers === 1) await embedded.startWorker();
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      theirs.push(await promotionsASecond(embedded, promotions));
      ours.push(await promotionsASecond(onEngines, promotions));
    }
    const [gantryValue, peerValue] = [median(ours), median(theirs)];
    results.push({
      name: `promotions by RabbitMQ and MongoDB's wire, ${workers === 1 ? '1 worker' : `${workers} workers`}`,
      unit: '1/s',
      gantry: gantryValue,
      peer: 'embedded engines, 1 worker',
      peerValue,
      ratio: gantryValue / peerValue,
      note: `${promotions} promotions at once; each round: ${ours.map((value, round) => `${value.toFixed(0)} beside ${theirs[round]?.toFixed(0)}`).join(', ')}`,
    });
  }
  for (const [engines, site] of [
    ['embedded engines, 1 worker', embedded],
    ["RabbitMQ and MongoDB's wire, 2 workers", onEngines],
  ] as const) {
    const seconds = many / (await promotionsASecond(site, many));
    results.push(besideAim(`${many} promotions queued at once done, ${engines}`, [seconds], MANY_AIM_S));
  }
  return results;
}

function image(name: string) {
  const layers = [makeLayer([{ path: '/name', content: name }])];
  return makeImage({ platform: { os: 'linux', architecture: 'amd64' }, layers });
}

/** @param engines catalog and messages; where they are absent: the embedded ones */
async function openSite(
  opened: AsyncDisposableStack,
  upstream: string,
  engines: {
    readonly catalog?: { mongodb: { url: string } };
    readonly messages?: { amqp: { url: string; exchange: string } };
  },
): Promise<Site> {
  const folder = opened.use(await temporaryFolder('bench')).path;
  const catalogPlace = engines.catalog ?? { sqlite: { file: path.join(folder, 'catalog.db') } };
  const messagesPlace = engines.messages ?? { embedded: { file: path.join(folder, 'messages.db') } };
  const file = await writeConfiguration(folder, {
    storage: { filesystem: { root: './store' } },
    tree: { filesystem: { root: './tree' } },
    catalog: catalogPlace,
    messages: { ...messagesPlace, commandScopes: ['promote:stable'] },
    sources: [{ name: 'builds', registry: upstream, repositories: ['**'] }],
    channels: [{ name: 'stable' }],
    api: { listen: '127.0.0.1:0', tokens: [{ name: 'bench', token: ADMIN_TOKEN, scopes: ['admin'] }] },
  });
  const synced = await gantry(folder, ['sync', '--local']);
  if (synced.code !== 0) throw new Error(`the sync ended with exit ${synced.code}: ${synced.stderr}`);
  const catalog = opened.use(await openCatalog(catalogPlace));
  const messages = opened.use(await openMessages(messagesPlace));
  return {
    catalog,
    messages,
    startWorker: async () => {
      const listen = `127.0.0.1:${await freePort()}`;
      const env = { GANTRY_API_LISTEN: listen, GANTRY_LOG_LEVEL: 'warn' };
      opened.use(await startService('promote', folder, file, env, `http://${listen}/readyz`));
    },
  };
}

/** Queues promotions, each of another tag, and waits until all are done. */
async function promotionsASecond({ catalog, messages }: Site, count: number): Promise<number> {
  const round = randomUUID().slice(0, 8);
  const began = performance.now();
  await inParallel(Array(count).keys(), 64, async (number) => {
    const repository = `bench/app-${number % REPOSITORIES}`;
    await messages.send(QUEUES.commands, 'command.promote', {
      specversion: '1.0',
      id: `${round}-${number}`,
      source: '/bench',
      type: 'command.promote',
      data: { items: [{ repository, reference: '1', tags: [`${round}-${number}`] }], to: 'stable' },
    });
  });
  let ended = performance.now();
  // The last one first: when it is done, the others mostly are, and are asked for once.
  for (let number = count - 1; number >= 0; number--) {
    while (!(await isDone(catalog, `${round}-${number}`))) {
      await pause(LOOK_EVERY_MS);
      ended = performance.now();
      if (ended - began > GIVE_UP_MS) throw new Error(`promotion ${round}-${number} is not done`);
    }
  }
  return count / ((ended - began) / 1000);
}

async function isDone(catalog: Catalog, id: string): Promise<boolean> {
  return (await catalog.promotions.byIdempotencyKey(`/bench ${id}`))?.state === 'done';
}
