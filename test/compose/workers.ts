import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type GantryApi, openApi } from '../clients/gantry-api.ts';
import { type DockerRegistry, startDockerRegistry } from '../servers/docker-registry.ts';
import { freePort, freePorts } from '../servers/free-port.ts';
import { GANTRY_BIN } from '../servers/gantry.ts';
import { startMongoJavaServer } from '../servers/mongo-java-server.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { startRabbitmq } from '../servers/rabbitmq.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { loadComposeModel, makeSecrets, mountedText } from './compose-model.ts';

/** A worker of docker-compose.yml: `gantry serve sync` or `promote` on scripts/compose/gantry.yaml. */
export interface Worker extends ServerProcess {
  readonly api: GantryApi;
}

/**
 * The four workers of docker-compose.yml on the engines that it has, without containers: RabbitMQ, versitygw started by its
 * container's command, a server of MongoDB's wire protocol; and a build registry that tells the first promote worker.
 */
export interface Workers extends AsyncDisposable {
  readonly folder: string;
  readonly tree: string;
  readonly buckets: string;
  readonly registry: DockerRegistry;
  readonly sync: readonly [Worker, Worker];
  readonly promote: readonly [Worker, Worker];
  readonly servers: readonly Pick<ServerProcess, 'name' | 'log'>[];
}

export const WORKERS_PARTS = [
  'compose-spec',
  'docker-registry',
  'mongo-java-server',
  'rabbitmq',
  'versitygw',
] as const;

export async function openWorkers(): Promise<Workers> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('workers')).path;
  const at = (name: string) => path.join(folder, name);
  await makeSecrets(folder);
  const secret = (name: string) => readFile(at(`secrets/${name}`), 'utf8');

  const objects = await startObjects(folder, opened);
  const rabbitmq = opened.use(await startRabbitmq());
  const mongodb = opened.use(await startMongoJavaServer());
  await writeFile(at('amqp-url'), rabbitmq.url());
  await writeFile(at('mongodb-url'), mongodb.url('gantry'));

  const registryPort = await freePort();
  const text = await mountedText('scripts/compose/gantry.yaml', {
    '/run/secrets/amqp-url': at('amqp-url'),
    '/run/secrets/mongodb-url': at('mongodb-url'),
    '/run/secrets': at('secrets'),
    'http://objects:7070': objects.url,
    'http://build-registry:5000': `http://127.0.0.1:${registryPort}`,
    '/data/tree': at('tree'),
  });
  await writeFile(at('gantry.yaml'), text);
  const token = await secret('admin-token');
  const start = async (service: 'sync' | 'promote', number: number) =>
    opened.use(await startWorker(folder, service, number, token));
  const sync = [await start('sync', 1), await start('sync', 2)] as const;
  const promote = [await start('promote', 1), await start('promote', 2)] as const;
  const notify = {
    url: `${promote[0].api.url}/api/v1/notifications`,
    authorization: `Bearer ${await secret('webhook-token')}`,
  };
  const registry = opened.use(await startDockerRegistry({ port: registryPort, notify }));

  const all = opened.move();
  return {
    folder,
    tree: at('tree'),
    buckets: path.join(folder, 'objects/buckets'),
    registry,
    sync,
    promote,
    servers: [objects, rabbitmq, mongodb, ...sync, ...promote, registry],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** The S3 server, by the commands of the two containers that make its bucket and run it. */
async function startObjects(
  folder: string,
  opened: AsyncDisposableStack,
): Promise<ServerProcess & { readonly url: string }> {
  const { services } = await loadComposeModel(folder);
  const here = (word: string) => word.replaceAll('/data/', `${folder}/objects/`);
  const [mkdirCommand = '', ...options] = services['objects-bucket']?.entrypoint ?? [];
  await run(mkdirCommand, [...options, ...(services['objects-bucket']?.command ?? []).map(here)]);
  const port = await freePort();
  const command = here(services['objects']?.command?.[0] ?? '')
    .replaceAll(':7070', `127.0.0.1:${port}`)
    .replaceAll('/run/secrets', path.join(folder, 'secrets'));
  const url = `http://127.0.0.1:${port}`;
  const server = await startProcess({
    name: 'versitygw',
    command: 'sh',
    args: ['-c', command],
    env: { PATH: process.env['PATH'], ...services['objects']?.environment },
    ready: async () => (await fetch(`${url}/health`)).ok,
  });
  return Object.assign(opened.use(server), { url });
}

async function startWorker(
  folder: string,
  service: 'sync' | 'promote',
  number: number,
  token: string,
): Promise<Worker> {
  const [listen, admin] = await freePorts(2);
  const name = `${service}-${number}`;
  const ready = service === 'sync' ? `127.0.0.1:${admin}` : `127.0.0.1:${listen}`;
  const server = await startProcess({
    name: `gantry serve ${service} (${name})`,
    command: process.execPath,
    args: [GANTRY_BIN, 'serve', service],
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      GANTRY_CONFIG: path.join(folder, 'gantry.yaml'),
      GANTRY_API_LISTEN: `127.0.0.1:${listen}`,
      GANTRY_SYNC_ADMIN_LISTEN: `127.0.0.1:${admin}`,
    },
    ready: async () => (await fetch(`http://${ready}/readyz`)).ok,
    readyWithinMs: 90_000,
  });
  const gone = new AbortController();
  void server.ended.then(() => gone.abort(new Error(`${server.name} has ended`)));
  return { ...server, api: openApi(`http://${ready}`, token, gone.signal) };
}
