import path from 'node:path';
import { type Catalog, openCatalog } from '@gantry/catalog';
import { openTreeSource } from '@gantry/pipeline';
import { createInProcessRegistry, type InProcessOptions, type InProcessRegistry } from '@gantry/registry';
import type { TreeSource } from '@gantry/tree';
import { type GantryApi, openApi } from '../clients/gantry-api.ts';
import { engineConfiguration, startService } from '../end-to-end/engines-world.ts';
import { freePort } from '../servers/free-port.ts';
import { ADMIN_TOKEN, gantry, writeConfiguration } from '../servers/gantry.ts';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import type { ServerProcess } from '../servers/process.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';
import type { Outcome } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startToxiproxy, type Toxiproxy } from '../servers/toxiproxy.ts';
import { startVersitygw } from '../servers/versitygw.ts';
import { type CatalogTap, openCatalogTap } from './catalog-tap.ts';
import { openRecorder, type Recorder } from './event-recorder.ts';
import { SEED } from './soak.ts';

/** The parts that such a world is made of. */
export const PARTS = ['mongo-java-server', 'rabbitmq', 'versitygw', 'toxiproxy-server'] as const;

const DATABASE = 'gantry_faults';

/** A `gantry serve …` with its own way to the catalog. */
export interface Worker extends ServerProcess {
  readonly service: 'sync' | 'promote';
  readonly tap: CatalogTap;
  /** Of a promote service. */
  readonly api: GantryApi;
  /** Sends it a signal, and waits for nothing. */
  signal(name: NodeJS.Signals): void;
  isOver: boolean;
}

/** A server that can be stopped and started again with what it had. */
interface Restartable {
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Gantry on real engines, and all that goes wrong there: processes, servers, and what is between them. */
export interface FaultWorld extends AsyncDisposable {
  readonly registry: InProcessRegistry;
  readonly broker: Rabbitmq;
  /** Between the services and the broker. */
  readonly brokerProxy: Toxiproxy;
  /** The server of the catalog. What it has acknowledged it keeps, when it is stopped in order. */
  readonly mongo: Restartable;
  /** Between the services and the catalog. */
  readonly mongoProxy: Toxiproxy;
  /** The same catalog, read past all proxies. */
  readonly catalog: Catalog;
  /** What was published. */
  readonly tree: TreeSource;
  /** Every event since the world is there. */
  readonly recorder: Recorder;
  /** The processes that live. */
  workers(service: Worker['service']): readonly Worker[];
  /** @param clockMs by how much its clock is wrong */
  start(service: Worker['service'], clockMs?: number): Promise<Worker>;
  /** Runs a command of the command line, with the address of a promote service. */
  ask(...words: string[]): Promise<Outcome>;
  /** All of them, for their logs. */
  servers(): readonly Pick<ServerProcess, 'name' | 'log'>[];
}

/** Starts the servers, and as many services of each kind. */
export async function openFaultWorld(options: {
  readonly each: number;
  readonly intercept?: NonNullable<InProcessOptions['intercept']>;
}): Promise<FaultWorld> {
  await using opening = new AsyncDisposableStack();
  let opened = opening;
  const folder = opened.use(await temporaryFolder('faults')).path;
  const { intercept } = options;
  const registry = createInProcessRegistry(intercept === undefined ? {} : { intercept });
  const [listening, mongo, broker, s3] = await Promise.all([
    registry.listen(),
    startMongo(path.join(folder, 'mongo')),
    startRabbitmq(),
    startVersitygw(),
  ]);
  for (const server of [listening, mongo, broker, s3]) opened.use(server);
  const mongoProxy = opened.use(await startToxiproxy(mongo.host, SEED));
  const brokerProxy = opened.use(await startToxiproxy(broker.host, SEED));
  const [behindMongo, behindBroker] = [mongoProxy, brokerProxy].map(({ url }) => new URL(url).host);
  const configuration = await engineConfiguration({
    registry: listening.url,
    mongo: `mongodb://${behindMongo}/${DATABASE}`,
    broker: broker.url(behindBroker),
    s3,
    mirror: 'http://127.0.0.1:1',
  });
  const file = await writeConfiguration(folder, configuration);
  const catalog = opened.use(await openCatalog({ mongodb: { url: `mongodb://${mongo.host}/${DATABASE}` } }));
  const { url: endpoint, credentials } = s3;
  const tree = await openTreeSource({
    s3: { bucket: 'gantry-tree', endpoint, forcePathStyle: true, credentials },
  });
  const recorder = await openRecorder(() => broker.url());

  const all: Worker[] = [];
  const start = async (service: Worker['service'], clockMs = 0): Promise<Worker> => {
    const tap = opened.use(await openCatalogTap(behindMongo ?? ''));
    const listens = `127.0.0.1:${await freePort()}`;
    const env = {
      [service === 'sync' ? 'GANTRY_SYNC_ADMIN_LISTEN' : 'GANTRY_API_LISTEN']: listens,
      GANTRY_CATALOG_MONGODB_URL: `mongodb://${tap.host}/${DATABASE}`,
      ...(clockMs !== 0 && {
        TEST_CLOCK_SHIFT_MS: String(clockMs),
        NODE_OPTIONS: `--import=${new URL('shifted-clock.ts', import.meta.url).href}`,
      }),
    };
    const running = opened.use(await startService(service, folder, file, env, `http://${listens}/readyz`));
    const gone = new AbortController();
    const api = openApi(`http://${listens}`, ADMIN_TOKEN, gone.signal);
    const signal = (name: NodeJS.Signals) => void process.kill(running.pid, name);
    const worker = { ...running, service, tap, api, signal, isOver: false };
    void running.ended.finally(() => {
      worker.isOver = true;
      gone.abort(new Error(`${running.name} has ended`));
    });
    all.push(worker);
    return worker;
  };
  const kinds = ['sync', 'promote'] as const;
  await Promise.all(kinds.flatMap((kind) => Array.from({ length: options.each }, () => start(kind))));

  const workers = (service: Worker['service']) =>
    all.filter((worker) => worker.service === service && !worker.isOver);
  opened = opening.move();
  return {
    registry,
    broker,
    brokerProxy,
    mongo,
    mongoProxy,
    catalog,
    tree,
    recorder,
    workers,
    start,
    ask: (...words) =>
      gantry(folder, words, {
        env: { GANTRY_SERVER: workers('promote')[0]?.api.url, GANTRY_TOKEN: ADMIN_TOKEN },
        timeoutMs: 120_000,
      }),
    // What befell the broker and the catalog's server is the test's own doing.
    servers: () => all,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map((worker) => worker.kill('SIGKILL'))); // ends stopped ones, too
      await opened.disposeAsync();
    },
  };
}

/** mongo-java-server on a file, always at the same port. */
async function startMongo(
  file: string,
): Promise<Restartable & AsyncDisposable & Pick<MongoServer, 'host' | 'name' | 'log'>> {
  const port = await freePort();
  let server = await startMongoJavaServer({ file, port });
  let earlier = '';
  const stop = async () => {
    await server.stop();
    earlier += server.log();
  };
  return {
    name: server.name,
    host: server.host,
    log: () => earlier + server.log(),
    stop,
    start: async () => {
      server = await startMongoJavaServer({ file, port });
    },
    [Symbol.asyncDispose]: stop,
  };
}
