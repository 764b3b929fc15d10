import { needs } from '../servers/parts.ts';
import { until } from '../servers/until.ts';
import { type ComposeModel, loadComposeModel, makeSecrets, ROOT } from './compose-model.ts';
import { type Containers, openContainers } from './containers.ts';

/**
 * The Dockerfile is built, from a minimal Debian as the base, and its images run as docker-compose.yml runs them: one
 * network for all of them here, so that they find each other on loopback.
 */

const real = needs('compose-spec', 'podman', 'runc', 'debootstrap', 'npm');
const IMAGE = 'localhost/gantry:test';
const RSYNC_IMAGE = 'localhost/gantry-rsync:test';
const HEALTH = '/srv/gantry/scripts/image/health.js';
let containers: Containers;
let model: ComposeModel;

real.beforeAll(async () => {
  containers = await openContainers();
  await makeSecrets(containers.folder);
  model = await loadComposeModel(containers.folder);
  await containers.build('gantry', IMAGE);
  await containers.build('rsync', RSYNC_IMAGE);
}, 900_000);
real.afterAll(async () => containers?.[Symbol.asyncDispose](), 60_000);

/** Waits until a health check of docker-compose.yml is content with a container. */
async function healthy(container: string, service: string): Promise<void> {
  const [kind, ...words] = model.services[service]?.healthcheck?.test ?? [];
  const command = kind === 'CMD' ? words : ['sh', '-c', words.join(' ')];
  await until(
    `${container} to be well`,
    async () => {
      const { code, stdout, stderr } = await containers.exec(container, ...command);
      if (code !== 0) throw new Error(`${stdout}${stderr}${await containers.podman('logs', container)}`);
      return true;
    },
    { withinMs: 60_000 },
  );
}

/** What compose starts a service by. */
const words = (service: string, key: 'entrypoint' | 'command') => model.services[service]?.[key] ?? [];

/** A file of the checkout, mounted as compose mounts it. */
const mounted = (file: string, target: string) => `--volume=${ROOT}/${file}:${target}:ro`;

real.test(
  'the image says who it runs as, how it is asked for its health, how it is stopped and what it is',
  async () => {
    const format = '{{json .Config}}';
    const config = JSON.parse(
      await containers.podman('image', 'inspect', '--format', format, IMAGE),
    ) as Record<string, unknown>;
    expect(config).toMatchObject({
      User: '10001:10001',
      StopSignal: 'SIGTERM',
      Entrypoint: ['node', '/srv/gantry/apps/cli/bin/gantry.js'],
      Cmd: ['serve', 'all'],
      WorkingDir: '/data',
    });
    const labels = config['Labels'] as Record<string, string>;
    expect(labels).toMatchObject({
      'org.opencontainers.image.title': 'Gantry',
      'org.opencontainers.image.licenses': 'Apache-2.0',
      'org.opencontainers.image.version': '0.1.0',
    });
    const healthcheck = await containers.podman(
      'image',
      'inspect',
      '--format',
      '{{json .HealthCheck}}',
      IMAGE,
    );
    expect(healthcheck).toContain(HEALTH);
    const rsync = await containers.podman('image', 'inspect', '--format', '{{.Config.User}}', RSYNC_IMAGE);
    expect(rsync.trim()).toBe('10001:10001');
  },
  60_000,
);

real.test(
  'serve all works on a read-only root, as nobody in particular, and writes below /data alone',
  async () => {
    await containers.start(
      'all',
      '--network=none',
      '--volume=data:/data',
      '--volume=tree:/data/tree',
      IMAGE,
      'serve',
      'all',
      '--demo',
    );
    await until(
      'the first run to be published',
      async () => (await containers.podman('logs', 'all')).includes('Ready.'),
      {
        withinMs: 60_000,
      },
    );
    const health = await containers.exec('all', 'node', HEALTH);
    expect([health.code, health.stderr]).toEqual([0, '']);
    // The command is on the path, and knows where the token lies.
    const candidates = await containers.exec('all', 'gantry', 'candidates');
    expect([candidates.code, candidates.stdout]).toEqual([0, expect.stringContaining('demo/hello')]);
    const who = await containers.exec(
      'all',
      'sh',
      '-c',
      'id -u; node --version; grep CapEff /proc/self/status',
    );
    expect(who.stdout.split('\n')).toEqual(['10001', 'v26.10.0', 'CapEff:\t0000000000000000', '']);
    for (const place of ['/srv/gantry/x', '/gantry.yaml', '/etc/x', '/x']) {
      const { code, stderr } = await containers.exec('all', 'sh', '-c', `: >${place}`);
      expect([place, code === 0, stderr]).toEqual([
        place,
        false,
        expect.stringMatching(/Read-only|Permission/),
      ]);
    }
  },
  120_000,
);

real.test(
  'the image holds what runs, and neither tests nor tools nor anything of the checkout besides',
  async () => {
    const list = await containers.exec(
      'all',
      'sh',
      '-c',
      "cd /srv/gantry && ls -A && find apps packages -name '*.test.ts' -o -name '*.fixture.ts' && ls -A node_modules/.bin",
    );
    const names = list.stdout.trim().split('\n');
    expect(names).toEqual(
      expect.arrayContaining(['apps', 'packages', 'node_modules', 'LICENSE', 'node', 'gantry']),
    );
    for (const stranger of ['test', '.git', 'secrets', 'data', 'docs', 'jest', 'tsc', 'oxlint']) {
      expect(names).not.toContain(stranger);
    }
    expect(list.stdout).not.toContain('.test.ts');
  },
  60_000,
);

real.test(
  'a crane of its own, the rsync daemon and a mirror that follows run as compose has them',
  async () => {
    await containers.start(
      'crane',
      '--network=none',
      '--volume=tree:/data/tree:ro',
      `--volume=${containers.folder}/secrets/metrics-token:/run/secrets/metrics-token:ro`,
      '--env=GANTRY_CRANE_MIRRORS=[]',
      mounted('scripts/compose/crane.yaml', '/gantry.yaml'),
      IMAGE,
      ...words('crane-1', 'command'),
    );
    await healthy('crane', 'crane-1');
    // A secret lies in a folder that only its owner may enter, and is read by another user in the container.
    const secret = await containers.exec('crane', 'cat', '/run/secrets/metrics-token');
    expect(secret.stdout).toMatch(/^[0-9a-f]{64}$/);
    const ready = await containers.exec('crane', 'node', HEALTH, 'http://127.0.0.1:5082/readyz');
    expect([ready.code, ready.stderr]).toEqual([0, '']);

    await containers.start(
      'rsync',
      '--network=none',
      '--volume=tree:/data/tree:ro',
      mounted('scripts/compose/rsyncd.conf', '/rsyncd.conf'),
      RSYNC_IMAGE,
      ...words('rsync', 'command'),
    );
    await healthy('rsync', 'rsync');
    const [shell = '', script = ''] = words('mirror-1-copying', 'entrypoint');
    const args = words('mirror-1-copying', 'command').map((word) => word.replace('//rsync:', '//127.0.0.1:'));
    await containers.start(
      'copying',
      '--network=container:rsync',
      '--volume=mirror:/srv/mirror',
      mounted('scripts/compose/follow.sh', script),
      `--entrypoint=${shell}`,
      RSYNC_IMAGE,
      script,
      ...args,
    );
    await until('the mirror to have a serial', async () =>
      (await containers.podman('logs', 'copying')).includes('the mirror has serial 1'),
    );
    await healthy('copying', 'mirror-1-copying');
    expect(await containers.podman('logs', 'rsync')).toContain('module-list request'); // it logs, though it is not root
  },
  120_000,
);

real.test(
  'a stop is orderly: everything ends by itself, and with success',
  async () => {
    await containers.podman('stop', '--time=26', 'all');
    const code = await containers.podman('inspect', '--format', '{{.State.ExitCode}}', 'all');
    expect(code.trim()).toBe('0');
  },
  60_000,
);
