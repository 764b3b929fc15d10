import path from 'node:path';
import { fill, type Repository } from '../fixtures/build-registry.ts';
import { type GantryApi, openApi } from '../clients/gantry-api.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { freePorts } from '../servers/free-port.ts';
import { ADMIN_TOKEN, gantry, GANTRY_BIN, writeConfiguration } from '../servers/gantry.ts';
import { type MongoServer, startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { type Nginx, startNginx } from '../servers/nginx.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { type Rabbitmq, startRabbitmq } from '../servers/rabbitmq.ts';
import type { Outcome } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { startVersitygw, type Versitygw } from '../servers/versitygw.ts';

/** The parts that such a world is made of. */
export const ENGINE_PARTS = [
  'docker-registry',
  'nginx',
  'mongo-java-server',
  'rabbitmq',
  'versitygw',
  'skopeo',
] as const;

export const SOURCE = 'builds';
/** The database of its catalog. */
const DATABASE = 'gantry_world';

/**
 * Gantry as several processes on real engines, all started with the same configuration file:
 *
 *     docker-registry ──▶ 2 × serve sync ──▶ versitygw ──▶ 2 × serve promote ──▶ versitygw ──▶ nginx ◀─302─ serve crane
 *                              └──── mongo-java-server, RabbitMQ ────┘
 */
export interface EnginesWorld extends AsyncDisposable {
  readonly folder: string;
  readonly registry: DockerRegistry;
  readonly mongo: MongoServer;
  readonly broker: Rabbitmq;
  readonly s3: Versitygw;
  readonly mirror: Nginx;
  readonly syncs: readonly Service[];
  readonly promotes: readonly PromoteService[];
  readonly crane: Service & { readonly host: string };
  /** Starts one more sync service. */
  startSync(): Promise<Service>;
  /** Starts one more promote service. */
  startPromote(): Promise<PromoteService>;
  /** Runs a command of the command line that asks a promote service. */
  ask(words: readonly string[], of?: PromoteService): Promise<Outcome>;
  /** All of them, for their logs. */
  servers(): readonly Pick<ServerProcess, 'name' | 'log'>[];
}

/** A `gantry serve …`. */
export interface Service extends ServerProcess {
  /** `http://127.0.0.1:PORT` of its health and figures. */
  readonly admin: string;
}

export interface PromoteService extends Service {
  readonly api: GantryApi;
}

/** What stands in the file. Where each process listens is its own, by its environment. */
export async function engineConfiguration(engines: {
  readonly registry: string;
  readonly mongo: string;
  readonly broker: string;
  readonly s3: Versitygw;
  readonly mirror: string;
}): Promise<{ readonly [section: string]: unknown }> {
  const { registry, mongo, broker, s3, mirror } = engines;
  const [store, tree] = [await s3.makeBucket('gantry-store'), await s3.makeBucket('gantry-tree')];
  const place = ({ credentials, ...rest }: typeof store, prefix?: string) => ({
    ...rest,
    ...credentials,
    ...(prefix !== undefined && { prefix }),
  });
  return {
    storage: { s3: place(store, 'world') },
    catalog: { mongodb: { url: mongo } },
    messages: { amqp: { url: broker }, commandScopes: ['sync', 'promote:stable'] },
    tree: { s3: place(tree) },
    sources: [
      {
        name: SOURCE,
        registry,
        repositories: ['candidate/**'],
        rename: { from: '^candidate/', to: '' },
      },
    ],
    channels: [{ name: 'testing', prefix: 'testing/' }, { name: 'stable' }],
    api: { tokens: [{ name: 'tests', token: ADMIN_TOKEN, scopes: ['admin'] }] },
    crane: {
      tree: mirror,
      poll: '100ms',
      mirrors: [{ name: 'nginx', url: mirror, trusted: true }],
    },
  };
}

export async function openEnginesWorld(content: readonly Repository[]): Promise<EnginesWorld> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('engines')).path;
  const [registry, mongo, broker, s3] = await Promise.all([
    startDockerRegistry(),
    startMongoJavaServer(),
    startRabbitmq(),
    startVersitygw(),
  ]);
  for (const server of [registry, mongo, broker, s3]) opened.use(server);
  await fill(registry, content);
  const [mirrorPort, cranePort] = (await freePorts(2)) as [number, number];
  const configuration = await engineConfiguration({
    registry: registry.url,
    mongo: mongo.url(DATABASE),
    broker: broker.url(),
    s3,
    mirror: `http://127.0.0.1:${mirrorPort}`,
  });
  // The gateway keeps an object as a file of its key's name.
  const root = path.join(s3.data, 'gantry-tree');
  const mirror = opened.use(await startNginx({ root, rules: true, port: mirrorPort }));
  const file = await writeConfiguration(folder, configuration);

  const started: Service[] = [];
  const services = opened.use(new AsyncDisposableStack()); // more may be started later on
  const start = async (service: string, env: Record<string, string>, readyz: (at: string) => string) => {
    const [port = 0] = await freePorts(1);
    const at = `127.0.0.1:${port}`;
    const listens = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value || at]));
    const running = await startService(service, folder, file, listens, readyz(`http://${at}`));
    started.push(services.use({ ...running, admin: `http://${at}` }));
    return { ...running, admin: `http://${at}` };
  };
  const startSync = () => start('sync', { GANTRY_SYNC_ADMIN_LISTEN: '' }, (at) => `${at}/readyz`);
  const startPromote = async (): Promise<PromoteService> => {
    const running = await start('promote', { GANTRY_API_LISTEN: '' }, (at) => `${at}/readyz`);
    const gone = new AbortController();
    void running.ended.then(() => gone.abort(new Error(`${running.name} has ended`)));
    return { ...running, api: openApi(running.admin, ADMIN_TOKEN, gone.signal) };
  };
  const syncs = await Promise.all([startSync(), startSync()]);
  const promotes = await Promise.all([startPromote(), startPromote()]);
  const host = `127.0.0.1:${cranePort}`;
  const crane = await start(
    'crane',
    { GANTRY_CRANE_LISTEN: host, GANTRY_CRANE_ADMIN_LISTEN: '' },
    (at) => `${at}/healthz`,
  );

  const servers = () => [registry, mongo, broker, s3, mirror, ...started];
  const all = opened.move();
  return {
    folder,
    registry,
    mongo,
    broker,
    s3,
    mirror,
    syncs,
    promotes,
    crane: { ...crane, host },
    startSync,
    startPromote,
    ask: (words, of = promotes[0]) =>
      gantry(folder, words, { env: { GANTRY_SERVER: of.admin, GANTRY_TOKEN: ADMIN_TOKEN } }),
    servers,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Starts `gantry serve …` with the world's file. @param readyz what answers 200 once it is ready */
export async function startService(
  service: string,
  folder: string,
  file: string,
  env: Readonly<Record<string, string>>,
  readyz: string,
): Promise<ServerProcess> {
  return startProcess({
    name: `gantry serve ${service}`,
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', service, '--config', file],
    cwd: folder,
    env: { ...withoutGantry(), ...env },
    ready: async () => (await fetch(readyz)).ok,
    readyWithinMs: 90_000,
  });
}

export function withoutGantry(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GANTRY_')));
}
