import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePorts } from '../servers/free-port.ts';
import { embeddedConfiguration, type Gantry, startGantry } from '../servers/gantry.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { type ComposeModel, loadComposeModel, makeSecrets, mountedText, ROOT } from './compose-model.ts';

/**
 * What stands between engines and clients in docker-compose.yml, run from the files that are mounted there, without
 * containers: the build registry with its webhook, the balancer, two cranes, the rsync daemon, two mirrors that follow.
 * `serve all` on embedded engines stands for the workers.
 */
export interface Edge extends AsyncDisposable {
  readonly folder: string;
  readonly tree: string;
  /** `http://127.0.0.1:PORT` of the build registry, and of the balancer's three sides. */
  readonly registry: string;
  readonly pulls: string;
  readonly api: string;
  readonly own: string;
  readonly gantry: Gantry;
  readonly cranes: readonly [Gantry, Gantry];
  readonly mirrors: readonly [EdgeMirror, EdgeMirror];
  /** Where the web server of the tree itself has it. */
  readonly origin: string;
  /** `rsync://127.0.0.1:PORT/gantry` */
  readonly rsync: string;
  readonly servers: readonly ServerProcess[];
}

export interface EdgeMirror {
  /** Where its copy of the tree begins. */
  readonly url: string;
  readonly metrics: string;
  /** While this file is there, the pool is not copied: rsync ends as if the line had been cut. */
  readonly cut: string;
  readonly folder: string;
}

type Start = (options: Parameters<typeof startProcess>[0]) => Promise<void>;

const local = (port: number | undefined) => `127.0.0.1:${port}`;

export async function openEdge(): Promise<Edge> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('edge')).path;
  await makeSecrets(folder);
  const model = await loadComposeModel(folder);
  const secret = (name: string) => readFile(path.join(folder, 'secrets', name), 'utf8');
  const [registry, registryDebug, pulls, api, own, rsync, mirror1, mirror2, origin, nobody] =
    await freePorts(10);
  const tree = path.join(folder, 'data/tree');
  const servers: ServerProcess[] = [];
  const start: Start = async (options) => {
    const server = opened.use(await startProcess(options));
    servers.push(server);
  };

  const configuration = await embeddedConfiguration({
    sources: [{ name: 'candidates', registry: `http://${local(registry)}` }],
  });
  const hook = { name: 'build-registry', token: await secret('webhook-token'), scopes: ['sync'] };
  const gantry = opened.use(
    await startGantry({
      folder,
      configuration: {
        ...configuration,
        api: { ...configuration.api, tokens: [...configuration.api.tokens, hook] },
      },
    }),
  );

  const mirrors = [await mirrorAt(folder, 1, mirror1), await mirrorAt(folder, 2, mirror2)] as const;
  const originUrl = `http://${local(origin)}/tree`;
  const known = [
    { name: 'origin', url: originUrl, weight: 1, trusted: true },
    ...mirrors.map(({ url }, index) => ({ name: `mirror-${index + 1}`, url })),
  ];
  const craneFile = await mountedText('scripts/compose/crane.yaml', { '/data/tree': tree });
  const cranes = [
    opened.use(await startCrane(path.join(folder, 'crane-1'), craneFile, known)),
    opened.use(await startCrane(path.join(folder, 'crane-2'), craneFile, known)),
  ] as const;

  const haproxy = path.join(folder, 'haproxy.cfg');
  await writeFile(
    haproxy,
    await mountedText('scripts/compose/haproxy.cfg', {
      'bind :5080': `bind ${local(pulls)}`,
      'bind :5090': `bind ${local(api)}`,
      'bind :8404': `bind ${local(own)}`,
      'crane-1:5080 check port 5082': `${cranes[0].crane} check port ${new URL(cranes[0].admin).port}`,
      'crane-2:5080 check port 5082': `${cranes[1].crane} check port ${new URL(cranes[1].admin).port}`,
      'promote-1:5090': new URL(gantry.api.url).host,
      'promote-2:5090': local(nobody),
    }),
  );
  await start({
    name: 'haproxy',
    command: 'haproxy',
    args: ['-f', haproxy],
    ready: async () => (await fetch(`http://${local(own)}/healthz`)).ok,
  });
  await startRegistry({ folder, model, registry, registryDebug, api, start });

  const rsyncd = path.join(folder, 'rsyncd.conf');
  await writeFile(
    rsyncd,
    await mountedText('scripts/compose/rsyncd.conf', {
      'port = 8730': `port = ${rsync}\naddress = 127.0.0.1`,
      '/data/tree': tree,
      '/dev/stdout': path.join(folder, 'rsyncd.log'),
      '/tmp/rsyncd.lock': path.join(folder, 'rsyncd.lock'),
    }),
  );
  await start({
    name: 'rsync --daemon',
    command: 'rsync',
    args: ['--daemon', '--no-detach', `--config=${rsyncd}`],
    ready: async () => (await run('rsync', [`rsync://${local(rsync)}/`])).includes('gantry'),
  });

  // The container of the origin has the tree below the folder of its web server.
  await mkdir(path.join(folder, 'origin'));
  await symlink(tree, path.join(folder, 'origin/tree'));
  await startWebServer(folder, 'origin', originUrl, start);
  for (const [index, mirror] of mirrors.entries()) {
    await startWebServer(folder, `mirror-${index + 1}`, mirror.url, start);
    await start({
      name: `follow.sh of mirror ${index + 1}`,
      command: 'sh',
      args: [
        path.join(ROOT, 'scripts/compose/follow.sh'),
        `rsync://${local(rsync)}/gantry`,
        mirror.folder,
        '0.2',
      ],
      env: { ...process.env, PATH: `${await cuttingRsync(mirror)}:${process.env['PATH']}` },
      group: true,
      ready: () => Promise.resolve(true),
    });
  }

  const all = opened.move();
  return {
    folder,
    tree,
    registry: `http://${local(registry)}`,
    pulls: `http://${local(pulls)}`,
    api: `http://${local(api)}`,
    own: `http://${local(own)}`,
    gantry,
    cranes,
    mirrors,
    origin: originUrl,
    rsync: `rsync://${local(rsync)}/gantry`,
    servers: [gantry, ...cranes, ...servers],
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** nginx on mirror.conf, for the folder of that name. */
async function startWebServer(folder: string, name: string, url: string, start: Start): Promise<void> {
  const conf = path.join(folder, `${name}.conf`);
  const temporary = path.join(folder, `${name}-tmp`);
  await mkdir(temporary);
  const text = await mountedText('scripts/compose/mirror.conf', {
    '/tmp/': `${temporary}/`, // first: other folders lie below /tmp too
    'listen 8080': `listen ${new URL(url).host}`,
    '/etc/nginx/gantry-mirror.conf': path.join(ROOT, 'scripts/mirror/nginx.conf'),
    '/srv/mirror': path.join(folder, name),
  });
  // The tests' folders are their owner's alone.
  await writeFile(conf, process.getuid?.() === 0 ? `user root;\n${text}` : text);
  await start({
    name: `nginx of ${name}`,
    command: 'nginx',
    args: ['-e', 'stderr', '-c', conf, '-g', 'daemon off;'],
    ready: async () => (await fetch(new URL('/healthz', url))).ok,
  });
}

/** The build registry, started by the very command that its container has. */
async function startRegistry(given: {
  readonly folder: string;
  readonly model: ComposeModel;
  readonly registry: number | undefined;
  readonly registryDebug: number | undefined;
  readonly api: number | undefined;
  readonly start: Start;
}): Promise<void> {
  const { folder, model, registry, registryDebug, api, start } = given;
  const file = path.join(folder, 'registry.yml');
  await writeFile(
    file,
    await mountedText('scripts/compose/registry.yml', {
      'addr: :5000': `addr: ${local(registry)}`,
      'addr: :5001': `addr: ${local(registryDebug)}`,
      'balancer:5090': local(api),
      '/var/lib/registry': path.join(folder, 'content'),
    }),
  );
  const [command = ''] = model.services['build-registry']?.command ?? [];
  const filled = path.join(folder, 'registry-filled.yml');
  await start({
    name: 'docker-registry',
    command: 'sh',
    args: [
      '-c',
      command
        .replaceAll('/tmp/registry.yml', filled)
        .replaceAll(' /registry.yml', ` ${file}`)
        .replaceAll('/run/secrets', path.join(folder, 'secrets'))
        .replaceAll('exec registry', 'exec docker-registry'),
    ],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
    ready: async () => (await fetch(`http://${local(registry)}/v2/`)).ok,
  });
}

async function mirrorAt(folder: string, number: number, port: number | undefined): Promise<EdgeMirror> {
  const place = path.join(folder, `mirror-${number}`);
  await mkdir(place);
  return {
    url: `http://${local(port)}/tree`,
    metrics: `http://${local(port)}/metrics`,
    cut: path.join(folder, `mirror-${number}-cut`),
    folder: place,
  };
}

async function startCrane(folder: string, file: string, mirrors: readonly object[]): Promise<Gantry> {
  const [listen, admin] = await freePorts(2);
  await mkdir(folder);
  const [, tree] = /tree: (\S+)/.exec(file) ?? [];
  return startGantry({
    folder,
    service: 'crane',
    configuration: { crane: { listen: local(listen), adminListen: local(admin), tree } },
    env: { GANTRY_CRANE_MIRRORS: JSON.stringify(mirrors) },
  });
}

/** A folder with an rsync that copies all but the pool, and fails, while the mirror's line is cut. */
async function cuttingRsync(mirror: EdgeMirror): Promise<string> {
  const place = `${mirror.folder}-bin`;
  await mkdir(place);
  const real = (await run('sh', ['-c', 'command -v rsync'])).trim();
  const script = `#!/bin/sh
case " $* " in
*" --archive "*) [ ! -e '${mirror.cut}' ] || { ${real} --exclude=/pool "$@"; exit 12; } ;;
esac
exec ${real} "$@"
`;
  await writeFile(path.join(place, 'rsync'), script);
  await chmod(path.join(place, 'rsync'), 0o755);
  return place;
}
