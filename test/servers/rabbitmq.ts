import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import type { Authority } from './certificates.ts';
import { freePorts } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Debian's wrapper changes to the user `rabbitmq` and to the system's own files; this is the script behind it. */
const RABBITMQ_SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server';
const RABBITMQCTL = '/usr/lib/rabbitmq/bin/rabbitmqctl';

/** The account that may do everything in `vhost`. */
export const RABBITMQ_ACCOUNT = { username: 'gantry', password: 'p%ss/w:rd@ + ü' } as const;
/** An account that may enter `gantry` and do nothing there. */
export const RABBITMQ_STRANGER = { username: 'stranger', password: 'known' } as const;

/** An account with just the rights in `gantry` that docs/messages.md asks for, for the exchange `narrow`. */
export const RABBITMQ_NARROW = { username: 'narrow', password: 'narrow' } as const;

export interface RabbitmqOptions {
  /** It also listens with TLS, with a certificate of this authority, and lets in clients who show one of it too. */
  readonly tls?: Authority;
}

/** A RabbitMQ with data of its own, which can be stopped and started again with the same data and ports. */
export interface Rabbitmq extends AsyncDisposable, Pick<ServerProcess, 'name' | 'log'> {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `127.0.0.1:PORT` with TLS, if it has that. */
  readonly tlsHost: string;
  /** `amqp://USER:PASSWORD@127.0.0.1:PORT/gantry` of `RABBITMQ_ACCOUNT`. @param host of a proxy before it */
  url(host?: string): string;
  /** The process that runs now. */
  pid(): number;
  /** Ends it in order. What it keeps stays. */
  stop(): Promise<void>;
  /** Ends it at once, as a machine that loses power does for its programs. */
  kill(): Promise<void>;
  /** Starts it again on the same data and ports. */
  start(): Promise<void>;
  /** Runs rabbitmqctl. */
  control(...args: readonly string[]): Promise<string>;
}

/** Starts RabbitMQ on free ports, with a port mapper (epmd) of its own that ends with it. */
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<Rabbitmq> {
  const folder = await temporaryFolder('rabbitmq');
  const [port, tlsPort, distPort, epmdPort] = (await freePorts(4)) as [number, number, number, number];
  const host = `127.0.0.1:${port}`;
  await writeConfiguration(folder.path, tlsPort, options);
  const epmd = await startProcess({
    name: 'epmd',
    command: 'epmd',
    args: ['-address', '127.0.0.1', '-port', String(epmdPort)],
    env: { PATH: process.env['PATH'] },
    ready: () => isListening(epmdPort),
  });
  const env = environment(folder.path, { port, distPort, epmdPort });
  let logged = '';
  let server: ServerProcess | undefined;
  const start = async () => {
    server = await startProcess({
      name: 'rabbitmq',
      command: RABBITMQ_SERVER,
      args: [],
      cwd: folder.path,
      env,
      ready: async (log) => /Server startup complete/.test(log),
      readyWithinMs: 90_000,
    });
  };
  const end = async (signal: NodeJS.Signals) => {
    if (server === undefined) return;
    const ending = server;
    server = undefined;
    await (signal === 'SIGTERM' ? ending.stop() : ending.kill(signal));
    logged += ending.log();
  };
  const dispose = async () => {
    await end('SIGKILL'); // nothing of it is needed any more
    await epmd.stop();
    await folder[Symbol.asyncDispose]();
  };
  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  const { username, password } = RABBITMQ_ACCOUNT;
  const account = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
  return {
    name: 'rabbitmq',
    log: () => logged + (server?.log() ?? ''),
    host,
    tlsHost: `127.0.0.1:${tlsPort}`,
    url: (at = host) => `amqp://${account}@${at}/gantry`,
    pid: () => {
      if (server === undefined) throw new Error('it was never started');
      return server.pid;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    start,
    control: (...args) => run(RABBITMQCTL, args, { env, cwd: folder.path }),
    [Symbol.asyncDispose]: dispose,
  };
}

function environment(
  folder: string,
  { port, distPort, epmdPort }: { port: number; distPort: number; epmdPort: number },
): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: folder, // for its cookie
    LANG: 'C.UTF-8',
    // The script becomes the Erlang machine then, where else it waits for one: so that a signal reaches it itself.
    RABBITMQ_ALLOW_INPUT: '1',
    RABBITMQ_SERVER_START_ARGS: '-noinput',
    RABBITMQ_NODENAME: `gantry-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: path.join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: path.join(folder, 'log'),
    RABBITMQ_CONF_ENV_FILE: path.join(folder, 'environment.conf'), // absent: else the system's is read
    RABBITMQ_CONFIG_FILE: path.join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path.join(folder, 'plugins'),
  };
}

/** rabbitmq.conf, the plugins (none), and the definitions of vhost and accounts that it loads at each start. */
async function writeConfiguration(folder: string, tlsPort: number, { tls }: RabbitmqOptions): Promise<void> {
  const at = (name: string) => path.join(folder, name);
  const lines = [
    'log.console = true',
    'log.console.level = info',
    'log.file = false',
    `load_definitions = ${at('definitions.json')}`,
    'disk_free_limit.absolute = 50MB',
  ];
  if (tls !== undefined) {
    const { cert, key } = tls.issue('rabbitmq');
    await writeFile(at('ca.pem'), tls.cert);
    await writeFile(at('cert.pem'), cert);
    await writeFile(at('key.pem'), key, { mode: 0o600 });
    lines.push(
      `listeners.ssl.1 = 127.0.0.1:${tlsPort}`,
      `ssl_options.cacertfile = ${at('ca.pem')}`,
      `ssl_options.certfile = ${at('cert.pem')}`,
      `ssl_options.keyfile = ${at('key.pem')}`,
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = true',
    );
  }
  const accounts = [RABBITMQ_ACCOUNT, RABBITMQ_STRANGER, RABBITMQ_NARROW];
  const definitions = {
    vhosts: [{ name: 'gantry' }, { name: 'other' }],
    users: accounts.map(({ username, password }) => ({ name: username, password, tags: '' })),
    permissions: [
      { user: RABBITMQ_ACCOUNT.username, vhost: 'gantry', configure: '.*', write: '.*', read: '.*' },
      { user: RABBITMQ_STRANGER.username, vhost: 'gantry', configure: '^$', write: '^$', read: '^$' },
      {
        user: RABBITMQ_NARROW.username,
        vhost: 'gantry',
        configure: '^narrow(\\..*)?$',
        write: '^(narrow(\\..*)?|amq\\.default)$',
        read: '^narrow(\\..*)?$',
      },
    ],
  };
  await mkdir(at('log'));
  await writeFile(at('rabbitmq.conf'), `${lines.join('\n')}\n`);
  await writeFile(at('plugins'), '[].\n');
  await writeFile(at('definitions.json'), JSON.stringify(definitions));
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}
