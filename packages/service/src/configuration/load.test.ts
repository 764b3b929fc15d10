import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load, problemsOf } from './load.fixture.ts';
import { loadConfiguration } from './load.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-configuration-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

describe('defaults', () => {
  test('without a file everything is embedded, below the working folder and on loopback', async () => {
    const { configuration, file, warnings } = await loadConfiguration({ env: {}, cwd });
    expect(file).toBeUndefined();
    expect(warnings).toEqual([]);
    expect(configuration).toEqual({
      storage: { filesystem: { root: path.join(cwd, 'data/store') } },
      catalog: { sqlite: { file: path.join(cwd, 'data/catalog.db') } },
      messages: { embedded: { file: path.join(cwd, 'data/messages.db') }, commandScopes: ['sync'] },
      tree: {
        filesystem: { root: path.join(cwd, 'data/tree') },
        keepUntaggedMs: 30 * 86_400_000,
        retention: { graceMs: 7 * 86_400_000, keepSnapshots: 50, keepSnapshotsForMs: 30 * 86_400_000 },
        refreshMs: 86_400_000,
        listen: { host: '127.0.0.1', port: 5081 },
        confirm: { everyMs: 30_000, lateAfterMs: 3_600_000, sample: 5 },
      },
      trees: {},
      sources: [],
      channels: [
        { name: 'testing', prefix: 'testing/', publish: true, gates: [] },
        { name: 'stable', prefix: '', publish: true, gates: [] },
      ],
      api: {
        listen: { host: '127.0.0.1', port: 5090 },
        tokens: [],
        oidc: [],
        readOnly: false,
        limits: { requestsPerSecond: 1000, burst: 10_000 },
        trustedProxies: [],
        adminTokenFile: path.join(cwd, 'data/admin-token'),
      },
      gc: { everyMs: 86_400_000, graceMs: 86_400_000 },
      sync: {},
      crane: {
        listen: { host: '127.0.0.1', port: 5080 },
        adminListen: { host: '127.0.0.1', port: 5082 },
        tree: { directory: path.join(cwd, 'data/tree') },
        trustedKeys: [],
        pollMs: 10_000,
        catalog: false,
        page: false,
        workers: 1,
        redirectJson: [],
        compat: false,
        cdn: {},
        manifests: 'auto',
        status: 302,
        trustedProxies: [],
        geoip: {},
      },
    });
  });

  test('an empty file, and keys with nothing behind them, are the defaults too, but for what listens only when it is named', async () => {
    const { configuration } = await loadConfiguration({ env: {}, cwd });
    const { listen: _listen, ...tree } = configuration.tree;
    const { adminListen: _adminListen, ...crane } = configuration.crane;
    const expected = { ...configuration, tree, crane };
    expect((await load(cwd, '')).configuration).toEqual(expected);
    expect((await load(cwd, 'sources:\n#  - name: a\ncrane: ~\n')).configuration).toEqual(expected);
  });

  test('a section that is there listens only where it says so', async () => {
    const { configuration } = await load(cwd, 'tree: {}\ncrane: { status: 307 }\n');
    expect(configuration.tree.listen).toBeUndefined();
    expect(configuration.crane.adminListen).toBeUndefined();
    expect(configuration.crane.listen).toEqual({ host: '127.0.0.1', port: 5080 });
    expect(configuration.crane.status).toBe(307);
  });
});

describe('what a file says', () => {
  test('a source is read with its secrets unread, its address whole, its paths absolute', async () => {
    await writeFile(path.join(cwd, 'password'), 'hunter2\n');
    const { configuration } = await load(
      cwd,
      `
sources:
  - name: candidates
    registry: candidates.example.org:5000
    credentials: { username: bot, passwordFile: ./password }
    tls: { caFile: ca.pem }
    repositories: ["candidate/**", library/nginx]
    rename: { from: "^candidate/", to: "" }
    tags: { include: ["v*"], exclude: ["*-dev"] }
    every: 5m
    allow: { hosts: [cdn.example.org], realms: [auth.example.org] }
`,
    );
    const [source] = configuration.sources;
    const { credentials, ...rest } = source ?? {};
    expect(rest).toEqual({
      name: 'candidates',
      registry: 'https://candidates.example.org:5000',
      tls: { caFile: path.join(cwd, 'ca.pem') },
      repositories: ['candidate/**', 'library/nginx'],
      rename: { from: '^candidate/', to: '' },
      tags: { include: ['v*'], exclude: ['*-dev'] },
      referrers: true,
      everyMs: 300_000,
      limits: {},
      allow: { hosts: ['cdn.example.org'], realms: ['auth.example.org'], foreignLayers: false },
    });
    expect(credentials).toMatchObject({ username: 'bot', password: { file: path.join(cwd, 'password') } });
    const password =
      credentials !== undefined && 'password' in credentials ? credentials.password : undefined;
    expect(await password?.read()).toBe('hunter2');
  });

  test('http is used only where it is written', async () => {
    const { configuration } = await load(
      cwd,
      'sources: [{ name: a, registry: "http://127.0.0.1:5000" }, { name: b, registry: b.example }]',
    );
    expect(configuration.sources.map(({ registry }) => registry)).toEqual([
      'http://127.0.0.1:5000',
      'https://b.example',
    ]);
    expect(configuration.sources[0]?.repositories).toEqual(['**']);
  });

  test('relative paths count from the folder of the file, and the admin token lies beside the catalog', async () => {
    await mkdir(path.join(cwd, 'etc'));
    await writeFile(path.join(cwd, 'etc/g.yaml'), 'catalog: { sqlite: { file: ../var/catalog.db } }');
    const { configuration, file } = await loadConfiguration({ file: 'etc/g.yaml', env: {}, cwd });
    expect(file).toBe(path.join(cwd, 'etc/g.yaml'));
    expect(configuration.catalog).toEqual({ sqlite: { file: path.join(cwd, 'var/catalog.db') } });
    expect(configuration.api.adminTokenFile).toBe(path.join(cwd, 'var/admin-token'));
    expect(configuration.storage).toEqual({ filesystem: { root: path.join(cwd, 'etc/data/store') } });
  });

  test('the admin token lies where it is said to, from the folder of the file on', async () => {
    const mongodb = 'catalog: { mongodb: { url: "mongodb://h" } }\n';
    const fileOf = async (text: string, env = {}) =>
      (await load(cwd, text, env)).configuration.api.adminTokenFile;
    expect(await fileOf('api: { adminTokenFile: secrets/admin }')).toBe(path.join(cwd, 'secrets/admin'));
    expect(await fileOf(`${mongodb}api: { adminTokenFile: /run/secrets/admin-token }`)).toBe(
      '/run/secrets/admin-token',
    );
    expect(await fileOf(mongodb, { GANTRY_API_ADMIN_TOKEN_FILE: '/x/admin' })).toBe('/x/admin');
    expect(await fileOf(mongodb)).toBe(path.join(cwd, 'data/admin-token'));
    expect(await problemsOf(cwd, 'api: { adminTokenFile: "" }')).toEqual([
      'gantry.yaml:1:24: api.adminTokenFile: "" is empty',
    ]);
  });

  test.each([
    ['./crane.log', () => path.join(cwd, 'crane.log')],
    ['/var/log/crane.log', () => '/var/log/crane.log'],
    ['stdout', () => 'stdout'],
  ])(
    "the crane's access log is a file, from the folder of the configuration, or standard output: %s",
    async (accessLog, place) => {
      const { configuration } = await load(cwd, `crane: { accessLog: ${accessLog} }`);
      expect(configuration.crane.accessLog).toBe(place());
    },
  );

  test('the crane reads a folder, or an address without a slash at its end', async () => {
    const { configuration } = await load(
      cwd,
      `
crane:
  tree: https://dl.example.org/gantry/
  mirrors: [{ name: origin, url: "https://dl.example.org/gantry/", trusted: true }]
`,
    );
    expect(configuration.crane.tree).toEqual({ url: 'https://dl.example.org/gantry' });
    expect(configuration.crane.mirrors).toEqual([
      {
        name: 'origin',
        url: 'https://dl.example.org/gantry',
        weight: 100,
        trusted: true,
        signed: false,
        networks: [],
        asns: [],
        countries: [],
        private: false,
        repositories: ['**'],
      },
    ]);
  });

  test('no mirrors and no word of them are two things', async () => {
    expect((await load(cwd, 'crane: { mirrors: [] }')).configuration.crane.mirrors).toEqual([]);
    expect((await load(cwd, 'crane: {}')).configuration.crane).not.toHaveProperty('mirrors');
  });

  test('anchors and aliases may be used', async () => {
    const { configuration } = await load(
      cwd,
      'tree: { filesystem: &f { root: ./t } }\nstorage: { filesystem: { root: ./s } }\napi: { listen: &l "127.0.0.1:1" }\ncrane: { listen: *l }\n',
    );
    expect(configuration.crane.listen.port).toBe(1);
  });

  test('a token in a file that others may read is warned of', async () => {
    const text = 'api: { tokens: [{ name: ci, token: abc, scopes: [read] }] }';
    expect((await load(cwd, text)).warnings).toEqual([]);
    await chmod(path.join(cwd, 'gantry.yaml'), 0o644);
    expect((await loadConfiguration({ env: {}, cwd })).warnings).toEqual([
      `${path.join(cwd, 'gantry.yaml')} holds a secret and other users may read it: chmod 600, or put the secret into a file`,
    ]);
  });
});

describe('the environment', () => {
  test('GANTRY_CONFIG names the file, and an argument is stronger', async () => {
    await writeFile(path.join(cwd, 'a.yaml'), 'crane: { status: 307 }');
    await writeFile(path.join(cwd, 'b.yaml'), 'crane: { status: 302 }');
    const env = { GANTRY_CONFIG: 'a.yaml' };
    expect((await loadConfiguration({ env, cwd })).configuration.crane.status).toBe(307);
    expect((await loadConfiguration({ env, cwd, file: 'b.yaml' })).configuration.crane.status).toBe(302);
  });

  test('single keys, numbers, lists and maps come over the file', async () => {
    const { configuration, warnings } = await load(
      cwd,
      'crane: { poll: 1m, status: 302 }\ntree: { refresh: 2d }\n',
      {
        GANTRY_CRANE_ADMIN_LISTEN: '[::1]:9',
        GANTRY_CRANE_STATUS: '307',
        GANTRY_CRANE_MIRRORS: '[{"name":"m","url":"http://m.example","weight":5}]',
        GANTRY_STORAGE_FILESYSTEM_ROOT: '/srv/store',
        GANTRY_MESSAGES_COMMAND_SCOPES: '["sync","promote:stable"]',
        GANTRY_TREE: '{"keepUntagged":"10d"}',
        GANTRY_API_LISTEN: '',
      },
    );
    expect(warnings).toEqual([]);
    expect(configuration.crane).toMatchObject({
      adminListen: { host: '::1', port: 9 },
      status: 307,
      pollMs: 60_000,
      mirrors: [{ name: 'm', url: 'http://m.example', weight: 5, trusted: false }],
    });
    expect(configuration.storage).toEqual({ filesystem: { root: '/srv/store' } });
    expect(configuration.messages.commandScopes).toEqual(['sync', 'promote:stable']);
    expect(configuration.tree).toMatchObject({ keepUntaggedMs: 864_000_000, refreshMs: 86_400_000 });
    expect(configuration.api.listen.port).toBe(5090);
  });

  test('a key of the environment leaves the rest of the embedded defaults alone', async () => {
    const { configuration } = await loadConfiguration({
      env: { GANTRY_TREE_FILESYSTEM_ROOT: '/srv/tree' },
      cwd,
    });
    expect(configuration.tree.listen).toEqual({ host: '127.0.0.1', port: 5081 });
    expect(configuration.crane.tree).toEqual({ directory: '/srv/tree' });
  });

  test('what is wrong there is told with the name of the variable', async () => {
    const lines = await problemsOf(cwd, 'crane: {}', {
      GANTRY_CRANE_LISTEN: 'x',
      GANTRY_SOURCES: '[{"name":"a",\n"registri":"a.example"}]',
      GANTRY_API_TOKENS: '[{"name":"ci","token":"hunter2","token":"hunter2"}]',
    });
    expect(lines).toContain(
      'GANTRY_CRANE_LISTEN: crane.listen: "x" is not an address to listen on: write HOST:PORT, for instance 127.0.0.1:5090, [::1]:5090, or 0.0.0.0:5090 for all of IPv4',
    );
    expect(lines).toContain('GANTRY_SOURCES:2:1: sources[0].registri: unknown key; did you mean registry?');
    expect(lines).toContain('GANTRY_API_TOKENS:1:33: the same key stands twice in one map');
    expect(lines.join('\n')).not.toContain('hunter2');
  });

  test('an unknown variable is warned of with the nearest known one, without its value', async () => {
    const { warnings } = await load(cwd, '', {
      GANTRY_CRANE_ADMINLISTEN: 'hunter2',
      GANTRY_XYZZY: '1',
      GANTRY_SERVER: 'http://x',
      GANTRY_TOKEN: 'x',
      GANTRY_LOG_LEVEL: 'debug',
      GANTRY_TEST_SOMETHING: '1',
      PATH: '/bin',
    });
    expect(warnings).toEqual([
      'the environment variable GANTRY_CRANE_ADMINLISTEN sets nothing; did you mean GANTRY_CRANE_ADMIN_LISTEN?',
      'the environment variable GANTRY_XYZZY sets nothing',
    ]);
  });
});
