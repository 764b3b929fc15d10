import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, rename, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BUILT_SERVERS } from '../servers/mongo-java-server.ts';
import { attempt, type Outcome, run } from '../servers/run.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { ROOT } from './compose-model.ts';

/** Podman with images, volumes and containers of its own, without a network but its containers' loopback. */
export interface Containers extends AsyncDisposable {
  readonly folder: string;
  /** Builds a stage of the Dockerfile from the checkout. */
  readonly build: (target: string, image: string) => Promise<void>;
  /**
   * Starts a container as docker-compose.yml does: root is read-only, no capability, no new privilege.
   * @param options of `podman run`, the image, and the command
   */
  readonly start: (name: string, ...options: readonly string[]) => Promise<void>;
  /** Runs a command in a container that runs. */
  readonly exec: (name: string, ...command: readonly string[]) => Promise<Outcome>;
  readonly podman: (...args: readonly string[]) => Promise<string>;
}

/** What the Dockerfile's bases are here: there is no registry to fetch them from. */
const RUN_IMAGE = 'localhost/debian:minimal';
const BUILD_IMAGE = 'localhost/node:minimal';
const BUILD_WITHIN_MS = 600_000;
/** What statfs says of an overlay, on which none other can lie (linux/magic.h). */
const OVERLAY = 0x794c7630;

/** Makes both bases: Debian's minimal system, by debootstrap, and the same with Node and npm. */
export async function openContainers(): Promise<Containers> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await temporaryFolder('containers')).path;
  const at = (name: string) => path.join(folder, name);
  const options = [
    `--root=${at('images')}`,
    `--runroot=${at('run')}`,
    `--storage-driver=${(await statfs(folder)).type === OVERLAY ? 'vfs' : 'overlay'}`,
    '--cgroup-manager=cgroupfs',
    '--events-backend=file',
    '--runtime=runc',
  ];
  const env = { ...process.env, HOME: folder };
  const podman = (...args: readonly string[]) =>
    run('podman', [...options, ...args], { env, timeoutMs: BUILD_WITHIN_MS });
  const started: string[] = [];
  opened.defer(async () => {
    for (const name of started.toReversed()) {
      await attempt('podman', [...options, 'rm', '--force', '--time=5', name], { env });
    }
  });
  await makeBases(at('node'), podman);

  const all = opened.move();
  return {
    folder,
    podman,
    build: async (target, image) => {
      const bases = [`--build-arg=BUILD_IMAGE=${BUILD_IMAGE}`, `--build-arg=RUN_IMAGE=${RUN_IMAGE}`];
      const plainly = ['--quiet', '--isolation=chroot', '--format=docker', '--layers=false', '--pull=never'];
      await podman('build', ...plainly, ...bases, `--target=${target}`, `--tag=${image}`, ROOT);
    },
    start: async (name, ...given) => {
      started.push(name);
      const contained = [
        '--read-only',
        '--read-only-tmpfs=false',
        '--cap-drop=all',
        '--security-opt=no-new-privileges',
        '--tmpfs=/tmp:rw,size=64m,mode=1777',
        '--ulimit=nofile=1024:1024',
        '--ulimit=nproc=1024:1024',
        '--pull=never',
      ];
      await podman('run', '--detach', `--name=${name}`, ...contained, ...given);
    },
    exec: (name, ...command) => attempt('podman', [...options, 'exec', name, ...command], { env }),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

async function makeBases(
  context: string,
  podman: (...args: readonly string[]) => Promise<string>,
): Promise<void> {
  await podman('import', '--quiet', await minimalDebian(), RUN_IMAGE);
  await mkdir(context);
  const npm = await realpath((await run('sh', ['-c', 'command -v npm'])).trim()); // …/npm/bin/npm-cli.js
  await cp(path.resolve(npm, '../..'), path.join(context, 'npm'), { recursive: true });
  await cp(process.execPath, path.join(context, 'node'), { dereference: true });
  // Whom the machine trusts: its way to the package registry may have a certificate of its own.
  await cp('/etc/ssl/certs/ca-certificates.crt', path.join(context, 'ca.crt'), { dereference: true });
  const file = `FROM ${RUN_IMAGE}
COPY node /usr/local/bin/node
COPY npm /usr/local/lib/node_modules/npm
COPY ca.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
`;
  await writeFile(path.join(context, 'Dockerfile'), file);
  await podman('build', '--quiet', '--isolation=chroot', '--layers=false', `--tag=${BUILD_IMAGE}`, context);
}

/** An archive of Debian's minimal system. It takes a minute or two to make, and is kept for the next time. */
async function minimalDebian(): Promise<string> {
  const [, release = 'stable'] =
    /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8')) ?? [];
  const archive = path.join(BUILT_SERVERS, `debian-${release}.tar`);
  if (existsSync(archive)) return archive;
  await using folder = await temporaryFolder('debian');
  const system = path.join(folder.path, 'system');
  const packages = 'libatomic1,rsync,ca-certificates';
  await run('debootstrap', ['--variant=minbase', `--include=${packages}`, release, system], {
    timeoutMs: BUILD_WITHIN_MS,
  });
  await mkdir(BUILT_SERVERS, { recursive: true });
  const writing = `${archive}.${process.pid}`;
  await run('tar', ['--create', `--file=${writing}`, `--directory=${system}`, '.']);
  await rename(writing, archive);
  return archive;
}
