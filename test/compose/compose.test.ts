import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadConfiguration } from '@gantry/service';
import { freePort } from '../servers/free-port.ts';
import { needs } from '../servers/parts.ts';
import { attempt, run } from '../servers/run.ts';
import { type TemporaryFolder, temporaryFolder } from '../servers/temporary-folder.ts';
import {
  COMPOSE_FILE,
  type ComposeModel,
  type ComposeService,
  loadComposeModel,
  makeSecrets,
  mountedText,
  ROOT,
} from './compose-model.ts';

/** docker-compose.yml says what it promises, and each file that it mounts is one that its program takes. */

let folder: TemporaryFolder;
let model: ComposeModel;
const real = needs('compose-spec');
const withHaproxy = needs('haproxy');
const withPromtool = needs('promtool');
const withNginx = needs('nginx');
const withSystemd = needs('systemd-analyze');

beforeAll(async () => {
  folder = await temporaryFolder('compose');
  await makeSecrets(folder.path);
});
afterAll(() => folder[Symbol.asyncDispose]());
real.beforeAll(async () => {
  model = await loadComposeModel(folder.path);
});

/** The services for which `wrong` says something, with what it says. */
function complaints(wrong: (service: ComposeService, name: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(model.services).flatMap(([name, service]) => {
      const complaint = wrong(service, name);
      return complaint === undefined ? [] : [[name, complaint]];
    }),
  );
}

const readDeploy = () => readFile(path.join(ROOT, 'docs/deploy.md'), 'utf8');
const isOneShot = (service: ComposeService) => service.restart === 'no';
const isRunning = (service: ComposeService) => !isOneShot(service);
/** Of images that are fetched; those that are built here say themselves who they run as: image.test.ts looks. */
const isRoot = ({ build, user }: ComposeService) =>
  build === undefined && !/^[1-9]\d*:[1-9]\d*$/.test(user ?? '');
const networksOf = (name: string) => Object.keys(model.services[name]?.networks ?? {});

describe('docker-compose.yml', () => {
  real.test('is one by the schema of the specification, and has all that the system is made of', async () => {
    expect(Object.keys(model.services)).toEqual([
      'balancer',
      'build-registry',
      'crane-1',
      'crane-2',
      'mirror-1',
      'mirror-1-copying',
      'mirror-2',
      'mirror-2-copying',
      'mongodb',
      'objects',
      'objects-bucket',
      'origin',
      'prometheus',
      'promote-1',
      'promote-2',
      'rabbitmq',
      'rsync',
      'sync-1',
      'sync-2',
    ]);
  });

  real.test('is no compose file once a key is misspelt: the schema is really asked', async () => {
    const file = path.join(folder.path, 'misspelt.yml');
    const text = (await readFile(COMPOSE_FILE, 'utf8')).replaceAll(/\$\{GANTRY_SECRETS[^}]*\}/g, '.');
    await writeFile(file, text.replace('healthcheck:', 'healthchek:'));
    const { code, stderr } = await attempt('compose-spec', [file], { cwd: ROOT });
    expect([code, stderr]).toEqual([1, expect.stringContaining('healthchek')]);
  });

  real.test('is refused without secrets, and says what makes them', async () => {
    const env = { PATH: process.env['PATH'] };
    const { code, stderr } = await attempt('compose-spec', [COMPOSE_FILE], { cwd: folder.path, env });
    expect([code, stderr]).toEqual([1, expect.stringContaining('run sh scripts/compose/make-secrets.sh')]);
  });

  real.test('publishes on loopback alone', async () => {
    const ports = Object.values(model.services).flatMap((service) => service.ports ?? []);
    expect(ports.map(({ published }) => published).toSorted()).toEqual([
      '5000',
      '5080',
      '5090',
      '8730',
      '9090',
    ]);
    expect(ports.filter(({ host_ip }) => host_ip !== '127.0.0.1')).toEqual([]);
    expect(complaints(({ network_mode }) => (network_mode === 'host' ? network_mode : undefined))).toEqual(
      {},
    );
  });

  real.test('keeps each container in: root is read-only, no capability, no new privilege', async () => {
    const wrong = complaints((service) => {
      const { read_only, cap_drop, cap_add, security_opt, privileged } = service;
      const is = { read_only, cap_drop, cap_add, security_opt, privileged };
      return read_only === true &&
        cap_drop?.join() === 'ALL' &&
        cap_add === undefined &&
        security_opt?.includes('no-new-privileges:true') === true &&
        privileged !== true
        ? undefined
        : is;
    });
    expect(wrong).toEqual({});
  });

  real.test('has nobody as root but the build registry, whose volume is root’s', async () => {
    expect(
      Object.keys(complaints((service) => (isRoot(service) ? (service.user ?? 'root') : undefined))),
    ).toEqual(['build-registry']);
  });

  real.test('starts each again, bounds what it takes and what it logs, and asks how it is', async () => {
    expect(
      complaints((service) => {
        const { cpus, memory, pids } = service.deploy?.resources?.limits ?? {};
        const { 'max-size': size, 'max-file': files } = service.logging?.options ?? {};
        const bounds = [cpus, memory, pids, size, files];
        return bounds.includes(undefined) ? bounds : undefined;
      }),
    ).toEqual({});
    expect(
      complaints((one) => (isRunning(one) && one.restart !== 'unless-stopped' ? one.restart : undefined)),
    ).toEqual({});
    expect(
      complaints((one) =>
        isRunning(one) && (one.healthcheck?.test ?? []).length < 2 ? 'no check' : undefined,
      ),
    ).toEqual({});
  });

  real.test('waits for what is needed until it is well, or done', async () => {
    const wrong = complaints(({ depends_on = {} }) => {
      const odd = Object.entries(depends_on).filter(([name, { condition }]) => {
        const needed = model.services[name] as ComposeService;
        return condition === 'service_completed_successfully' ? !isOneShot(needed) : isOneShot(needed);
      });
      return odd.length === 0 ? undefined : odd;
    });
    expect(wrong).toEqual({});
    const engines = ['mongodb', 'objects', 'rabbitmq'];
    for (const worker of ['sync-1', 'sync-2', 'promote-1', 'promote-2']) {
      const { depends_on = {} } = model.services[worker] as ComposeService;
      const well = Object.entries(depends_on).filter(([, { condition }]) => condition === 'service_healthy');
      expect(well.map(([name]) => name)).toEqual(expect.arrayContaining(engines));
    }
  });

  real.test('names the very version of every image that is fetched', async () => {
    expect(
      complaints(({ image, build }) => {
        const pinned = /^(?:[a-z0-9.-]+\/){2,3}[a-z0-9-]+:v?\d+\.\d+\.\d+(?:-[a-z0-9.]+)?$/;
        return build === undefined && !pinned.test(image) ? image : undefined;
      }),
    ).toEqual({});
  });

  real.test('mounts files that are there, and secrets that make-secrets.sh makes', async () => {
    const files = [...Object.values(model.configs), ...Object.values(model.secrets)].map(({ file }) => file);
    expect(files.length).toBeGreaterThan(15);
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    for (const kind of ['configs', 'secrets'] as const) {
      const used = new Set(
        Object.values(model.services).flatMap((one) => (one[kind] ?? []).map(({ source }) => source)),
      );
      expect([...used].toSorted()).toEqual(Object.keys(model[kind]).toSorted());
    }
    // Nothing but named volumes is mounted else: no folder of the host.
    expect(complaints(({ volumes = [] }) => volumes.find(({ type }) => type !== 'volume'))).toEqual({});
  });

  real.test('gives each container the secrets that its files and commands read, and no other', async () => {
    const wrong: string[] = [];
    for (const [name, service] of Object.entries(model.services)) {
      const texts = [
        service.entrypoint,
        service.command,
        service.healthcheck?.test,
        Object.values(service.environment ?? {}),
      ];
      const configs = (service.configs ?? []).map(({ source }) => model.configs[source]?.file ?? '');
      const all = [
        ...texts.flat(),
        ...(await Promise.all(configs.map((file) => readFile(file, 'utf8')))),
      ].join('\n');
      const given = (service.secrets ?? []).filter(({ target }) => target.startsWith('/run/secrets/'));
      // What sync has no use for stands in the file that it shares with promote: the tokens of the API.
      const read = [...all.matchAll(/\/run\/secrets\/([a-z0-9.-]+)/g)].map(([, secret]) => secret ?? '');
      if (all.includes("secret('"))
        read.push(...[...all.matchAll(/secret\('([a-z-]+)'\)/g)].map(([, one]) => one ?? ''));
      const needed = new Set(read.filter((one) => !(name.startsWith('sync-') && one.endsWith('-token'))));
      const has = new Set(given.map(({ target }) => path.basename(target)));
      for (const one of needed.symmetricDifference(has)) wrong.push(`${name}: ${one}`);
    }
    expect(wrong).toEqual([]);
  });

  real.test(
    'has every address that its files name as a service in a network of the one that asks',
    async () => {
      const asked: [from: string, host: string][] = [];
      for (const [name, service] of Object.entries(model.services)) {
        const configs = await Promise.all(
          (service.configs ?? []).map(({ source }) => readFile(model.configs[source]?.file ?? '', 'utf8')),
        );
        const urls = await Promise.all(
          (service.secrets ?? [])
            .filter(({ source }) => source.endsWith('-url'))
            .map(({ source }) => readFile(model.secrets[source]?.file ?? '', 'utf8')),
        );
        const text = [...configs, ...urls, ...(service.command ?? [])].join('\n');
        for (const [, host] of text.matchAll(/(?:\/\/|@|["' ])([a-z][a-z0-9-]*):\d{4,5}\b/g))
          asked.push([name, host ?? '']);
      }
      const hosts = new Set(asked.map(([, host]) => host));
      expect([...hosts].toSorted()).toEqual([
        'balancer',
        'build-registry',
        'crane-1',
        'crane-2',
        'mirror-1',
        'mirror-2',
        'mongodb',
        'objects',
        'promote-1',
        'promote-2',
        'rabbitmq',
        'rsync',
        'sync-1',
        'sync-2',
      ]);
      const apart = asked.filter(
        ([from, host]) => from !== host && !networksOf(from).some((one) => networksOf(host).includes(one)),
      );
      expect(apart).toEqual([]);
    },
  );

  real.test('sends clients to the addresses that the mirrors have', async () => {
    for (const crane of ['crane-1', 'crane-2']) {
      const mirrors = JSON.parse(model.services[crane]?.environment?.['GANTRY_CRANE_MIRRORS'] ?? '') as {
        name: string;
        url: string;
      }[];
      const wanted = ['origin', 'mirror-1', 'mirror-2'].map((name) => {
        const address = model.services[name]?.networks?.['edge']?.ipv4_address;
        const url = `http://${address}:8080/tree`;
        return name === 'origin' ? { name, url, weight: 1, trusted: true } : { name, url };
      });
      expect(mirrors).toEqual(wanted);
    }
  });
});

describe('docs/deploy.md', () => {
  real.test('knows every service, every port, every secret and every variable', async () => {
    const text = await readDeploy();
    const services = Object.keys(model.services).filter((name) => !text.includes(`\`${name}\``));
    expect(services).toEqual([]);
    const ports = Object.values(model.services).flatMap(({ ports: given = [] }) => given);
    expect(ports.filter(({ published }) => !text.includes(`127.0.0.1:${published}`))).toEqual([]);
    const secrets = await readdir(path.join(folder.path, 'secrets'));
    expect(secrets.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    const compose = await readFile(COMPOSE_FILE, 'utf8');
    const variables = new Set([...compose.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name ?? ''));
    expect([...variables].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  real.test('runs nothing that is not there: scripts, services, and what compose can do', async () => {
    const lines = [...(await readDeploy()).matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = '']) =>
      block.trim().split('\n'),
    );
    const verbs = ['up', 'exec', 'ps', 'logs', 'stop', 'down'];
    const wrong = lines.filter((line) => {
      const [program = '', ...words] = line.split(' ');
      if (program === 'sh') return !existsSync(path.join(ROOT, words[0] ?? ''));
      if (program !== 'docker') return true;
      if (words[0] !== 'compose') return !['build', 'run', 'pull', 'tag', 'push'].includes(words[0] ?? '');
      const [, verb = '', ...rest] = words;
      const named = rest.filter((word) => !word.startsWith('--')).slice(0, verb === 'exec' ? 1 : undefined);
      return !verbs.includes(verb) || named.some((name) => model.services[name] === undefined);
    });
    expect(wrong).toEqual([]);
  });

  withSystemd.test('has a unit that systemd takes', async () => {
    const unit = path.join(folder.path, 'gantry@all.service');
    const node = '/opt/gantry/node_modules/.bin/node';
    await writeFile(unit, await mountedText('scripts/systemd/gantry@.service', { [node]: process.execPath }));
    const { code, stderr } = await attempt('systemd-analyze', ['verify', unit]);
    expect([code, stderr]).toEqual([0, '']);
  });
});

describe('the secrets', () => {
  test('are 32 random bytes each, in a folder for its owner alone, and stay as they are', async () => {
    const place = path.join(folder.path, 'secrets');
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    const read = async () =>
      Object.fromEntries(
        await Promise.all(
          (await readdir(place)).map(
            async (name) => [name, await readFile(path.join(place, name), 'utf8')] as const,
          ),
        ),
      );
    const before = await read();
    const random = Object.values(before).filter((text) => /^[0-9a-f]{64}$/.test(text));
    expect(random).toHaveLength(8);
    expect(new Set(random).size).toBe(8);
    expect(await makeSecrets(folder.path)).toBe('');
    expect(await read()).toEqual(before);
    expect(await readFile(path.join(folder.path, '.env'), 'utf8')).toBe('GANTRY_SECRETS=./secrets\n');
  });

  test('never get into a commit or an image', async () => {
    const ignored = await run('git', ['check-ignore', '.env', 'secrets/mongodb-key'], { cwd: ROOT });
    expect(ignored).toBe('.env\nsecrets/mongodb-key\n');
    expect((await readFile(path.join(ROOT, '.dockerignore'), 'utf8')).split('\n')).toContain('*');
  });
});

describe('what is mounted', () => {
  test.each(['scripts/compose/gantry.yaml', 'scripts/compose/crane.yaml', 'scripts/image/gantry.yaml'])(
    '%s is a configuration without a warning, and what it reads is a secret that was made',
    async (file) => {
      const secrets = path.join(folder.path, 'secrets');
      const text = (await readFile(path.join(ROOT, file), 'utf8')).replaceAll('/run/secrets', secrets);
      const copy = path.join(folder.path, path.basename(file));
      await writeFile(copy, text);
      const { configuration, warnings } = await loadConfiguration({ file: copy, env: {}, cwd: folder.path });
      expect(warnings).toEqual([]);
      const { catalog, messages, storage, api } = configuration;
      const read = [
        'mongodb' in catalog ? catalog.mongodb.url : undefined,
        'amqp' in messages ? messages.amqp.url : undefined,
        's3' in storage ? storage.s3.credentials?.secretAccessKey : undefined,
        ...api.tokens.map(({ token }) => token),
      ].filter((secret) => secret !== undefined);
      expect(read).toHaveLength(file.endsWith('compose/gantry.yaml') ? 5 : 0);
      for (const secret of read) expect(await secret.read()).toMatch(/[0-9a-f]{64}/);
      // Promote workers know one administrator; elsewhere a token is made at the first start.
      expect(existsSync(api.adminTokenFile)).toBe(file.endsWith('compose/gantry.yaml'));
    },
  );

  withHaproxy.test('haproxy.cfg is one that HAProxy takes', async () => {
    expect(await run('haproxy', ['-c', '-f', path.join(ROOT, 'scripts/compose/haproxy.cfg')])).toContain(
      'valid',
    );
  });

  withPromtool.test('prometheus.yml is one that Prometheus takes', async () => {
    const file = path.join(folder.path, 'prometheus.yml');
    const secrets = path.join(folder.path, 'secrets');
    await writeFile(file, await mountedText('scripts/compose/prometheus.yml', { '/run/secrets': secrets }));
    expect(await run('promtool', ['check', 'config', file])).toContain('SUCCESS');
  });

  withNginx.test('mirror.conf is one that nginx takes, without a warning', async () => {
    const file = path.join(folder.path, 'mirror.conf');
    await mkdir(path.join(folder.path, 'tmp'), { recursive: true });
    const rules = path.join(ROOT, 'scripts/mirror/nginx.conf');
    await writeFile(
      file,
      await mountedText('scripts/compose/mirror.conf', {
        '/tmp/': `${folder.path}/tmp/`, // first: the checkout may lie below /tmp too
        '/etc/nginx/gantry-mirror.conf': rules,
        '8080': `127.0.0.1:${await freePort()}`,
      }),
    );
    const { code, stderr } = await attempt('nginx', ['-t', '-q', '-c', file, '-e', 'stderr']);
    expect([code, stderr]).toEqual([0, '']);
  });
});
