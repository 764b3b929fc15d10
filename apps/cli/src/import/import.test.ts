import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gantry } from '../cli.fixture.ts';
import { entry, image, importedIn } from './import.fixture.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-import-'));
});
afterEach(async () => {
  await rm(cwd, { recursive: true });
});

const imported = (kind: string, text: string, ...options: readonly string[]) =>
  importedIn(cwd, kind, text, ...options);

const registryOf = (repos: string) =>
  `creds: [{ registry: "127.0.0.1:5000", tls: disabled }]
sync: [{ source: "127.0.0.1:5000", target: t.example.org/mirror, type: registry, repos: ${repos} }]`;

describe('regsync', () => {
  const REGSYNC = `
version: 1
creds:
  - registry: registry.example.org
    user: bot
    pass: '{{file "/run/secrets/bot"}}'
    reqPerSec: 20
    credHelper: docker-credential-x
defaults:
  interval: 2h
  parallel: 4
x-releases: &releases
  allow: ["v[0-9]+\\\\.[0-9]+", "latest"]
  deny: [".*-rc.*"]
sync:
  - source: busybox
    target: registry.example.net/library/busybox
    type: repository
    tags: *releases
    platforms: [linux/amd64, linux/arm64]
  - source: registry.example.org/team/app:1.2
    target: registry.example.net/apps/app:1.2
    type: image
    schedule: "15 01 * * *"
    digestTags: true
    referrers: true
    hooks: { pre: { type: cmd, params: [run] } }
`;

  test('entries become sources: credentials, rules, platforms, names, intervals', async () => {
    const { sources } = await imported('regsync', REGSYNC);
    expect(sources).toEqual([
      {
        name: 'library-busybox',
        registry: 'https://registry-1.docker.io',
        allow: { hosts: ['production.cloudflare.docker.com'], realms: ['auth.docker.io'] },
        repositories: ['library/busybox'],
        platforms: ['linux/amd64', 'linux/arm64'],
        referrers: false,
        every: '2h',
        tags: { include: ['/v[0-9]+\\.[0-9]+/', 'latest'], exclude: ['/.*-rc.*/'] },
      },
      {
        name: 'apps-app',
        registry: 'https://registry.example.org',
        credentials: { username: 'bot', passwordFile: '/run/secrets/bot' },
        limits: { requestsPerSecond: 20 },
        repositories: ['team/app'],
        rename: { from: '^team\\/app$', to: 'apps/app' },
        referrers: true,
        every: '1d',
        tags: { include: ['1.2'] },
      },
    ]);
  });

  test('what has no counterpart is told with its line, on standard error and in the file', async () => {
    const { yaml, said } = await imported('regsync', REGSYNC);
    expect(said).toEqual([
      'theirs:8: creds[0].credHelper: helpers are not run: write credentials.passwordFile',
      'theirs:11: defaults.parallel: limits.connections of each source, and the workers that run, decide what goes on at once',
      'theirs:24: sync[1].schedule: syncs are told how often, not when: every 1d',
      'theirs:27: sync[1].hooks: commands are not run: events say what was synced (docs/messages.md)',
      '2 sources; 2 lines have no counterpart, 2 are done in another way',
    ]);
    expect(yaml).toContain('\n  # theirs:21: sync[1]\n');
    expect(yaml).toContain('\n  # TO DO: theirs:27: sync[1].hooks: commands are not run');
    expect(yaml).toContain('# TO DO: theirs:8: creds[0].credHelper');
  });

  test.each([
    ['tags: { allow: ["latest|v1"] }', { include: ['/(?:latest).*|.*(?:v1)/'] }],
    ['tags: { allow: ["(latest|v1)"] }', { include: ['/(latest|v1)/'] }],
    ['tags: { allow: ["v1\\\\.2"] }', { include: ['v1.2'] }],
    ['tags: { allow: ["v1.2"] }', { include: ['/v1.2/'] }],
    [
      'tags: { semverRange: [">=1.0 <2", "^4.1"], deny: ["4.2"] }',
      {
        exclude: ['/4.2/', '/[^-]*_.*/'],
        semver: '>=1.0.0 <2.0.0 || >=4.1.0 <5.0.0',
        prereleases: true,
      },
    ],
    ['tags: { deny: ["old"] }', { exclude: ['old'] }],
  ])('%s is what regsync would take', async (keys, tags) => {
    const { sources } = await imported('regsync', entry(keys));
    expect(sources).toMatchObject([{ tags }]);
  });

  test('what brings one repository to one name is one source', async () => {
    const { sources } = await imported(
      'regsync',
      entry('tagSets: [{ allow: [a] }, { allow: ["c.*"], deny: [c1] }, { allow: [b] }]'),
    );
    expect(sources).toMatchObject([
      { name: 'a', tags: { include: ['a', 'b'], or: [{ include: ['/c.*/'], exclude: ['c1'] }] } },
    ]);
    const joined = await imported(
      'regsync',
      `sync:\n- ${image('1', 'interval: 1h')}\n- ${image('2', 'interval: 1h')}\n- ${image('3', 'platforms: [linux/amd64]')}`,
    );
    expect(joined.sources).toMatchObject([{ name: 'a', tags: { include: ['1', '2', '3'] }, every: '1h' }]);
    expect(joined.said).toEqual([
      'theirs:3: sync[1]: is joined with sync[0], as one source alone may yield a name',
      'theirs:4: sync[2]: is joined with sync[0], as one source alone may yield a name, and gets its every and platforms',
      '1 source; 1 line has no counterpart, 1 is done in another way',
    ]);
    const other = image('4', '').replace('r.example.org', 'q.example.org');
    const twice = await imported('regsync', `sync:\n- ${image('1', '')}\n- ${other}`);
    expect(twice.said[0]).toMatch(/^theirs:3: sync\[1\]: yields a as sync\[0\] does, from another place/);
    const all = await imported(
      'skopeo',
      'q.example.org: { images: { a/b: [] }, images-by-semver: { a/b: ^1 } }',
    );
    expect(all.sources).toEqual([expect.not.objectContaining({ tags: expect.anything() })]);
  });

  test('what looks like a number is the text that stands there, and << brings in another map', async () => {
    const { sources } = await imported(
      'regsync',
      `x-base: &base { type: repository, referrers: on }
sync: [{ <<: *base, source: r.example.org/a, target: t.example.org/a, tags: { allow: [1, 2.10] } }]`,
    );
    expect(sources).toMatchObject([
      { repositories: ['a'], referrers: true, tags: { include: ['1', '/2.10/'] } },
    ]);
  });

  test('a registry is taken by globs, and under a prefix', async () => {
    const { sources } = await imported('regsync', registryOf('{ allow: ["library/.*", "team/app"] }'));
    expect(sources).toMatchObject([
      {
        registry: 'http://127.0.0.1:5000',
        repositories: ['library/**', 'team/app'],
        rename: { from: '^', to: 'mirror/' },
      },
    ]);
    for (const repos of ['{ deny: ["secret/.*"] }', '{ allow: ["(a|b)/c"] }']) {
      const left = await imported('regsync', registryOf(repos));
      expect(left.sources).toEqual([]);
      expect(left.said).toContainEqual(
        expect.stringContaining('is left out, as it would take more than is meant'),
      );
    }
  });

  test.each([
    ['tags: { allow: ["(?=a)b"] }', /looks ahead or behind/],
    ['tags: { deny: ["("] }', /is not a regular expression/],
    ['tags: { semverRange: ["about 3"] }', /about 3 is no range of regsync/],
    ['tags: { semverRange: [">=1.0, <2"] }', /semverRange\[0\]: >=1.0, <2 is no range of regsync/],
  ])('an entry with %s is left out', async (keys, why) => {
    const { sources, said } = await imported('regsync', entry(keys));
    expect(sources).toEqual([]);
    expect(said).toContainEqual(expect.stringMatching(why));
  });

  test('templates are told, and what a later regsync may know, too', async () => {
    const { said, sources } = await imported(
      'regsync',
      `sync: [{ source: '{{env "R"}}/a', target: t.example.org/a, type: repository }]\nfuture: 1`,
    );
    expect(sources).toEqual([]);
    expect(said.slice(0, 2)).toEqual([
      expect.stringMatching(/sync\[0\]\.source: holds a template: import what `regsync config` prints/),
      'theirs:2: future: is not a key of regsync, and is left out',
    ]);
  });
});

describe('skopeo', () => {
  const SKOPEO = `
registry.example.org:
  images:
    busybox: []
    team/redis:
      - "1.0"
      - sha256:${'0'.repeat(64)}
  images-by-tag-regex:
    nginx: ^1\\.13\\.[12]-alpine$
    caddy: alpine
  images-by-semver:
    alpine: ">= 3.12.0, < 4"
  credentials: { username: john, password: this is a secret }
  cert-dir: /home/john/certs
localhost:5000:
  tls-verify: false
  images: { coreos/etcd: [latest] }
`;

  test('each image becomes a source, named as skopeo sync names it', async () => {
    const { sources, said } = await imported('skopeo', SKOPEO);
    const common = {
      registry: 'https://registry.example.org',
      credentials: { username: 'john', password: 'this is a secret' },
      tls: { caFile: '/home/john/certs/ca.crt' },
      referrers: false,
    };
    expect(sources).toEqual([
      { name: 'registry.example.org-busybox', ...common, repositories: ['busybox'], referrers: true },
      {
        name: 'registry.example.org-team-redis',
        ...common,
        repositories: ['team/redis'],
        rename: { from: '^team\\/redis$', to: 'redis' },
        tags: { include: ['1.0'] },
      },
      {
        name: 'registry.example.org-nginx',
        ...common,
        repositories: ['nginx'],
        tags: { include: ['/1\\.13\\.[12]-alpine/'] },
      },
      {
        name: 'registry.example.org-caddy',
        ...common,
        repositories: ['caddy'],
        tags: { include: ['/.*alpine.*/'] },
      },
      {
        name: 'registry.example.org-alpine',
        ...common,
        repositories: ['alpine'],
        tags: { exclude: ['*_*'], semver: '>=3.12.0 <4.0.0' },
      },
      {
        name: 'localhost-5000-coreos-etcd',
        registry: 'http://localhost:5000',
        repositories: ['coreos/etcd'],
        rename: { from: '^coreos\\/etcd$', to: 'etcd' },
        tags: { include: ['latest'] },
        referrers: false,
      },
    ]);
    expect(said).toEqual([
      expect.stringMatching(/^theirs:4: .*busybox: tags such as sha256-….sig come with their image/),
      expect.stringMatching(/^theirs:7: .*team\/redis.*\[1\]: names a digest, .*: it is left out$/),
      expect.stringMatching(/^theirs:14: \["registry\.example\.org"\]\.cert-dir: files are named one by one/),
      expect.stringMatching(/^theirs:16: .*tls-verify: is http/),
      '6 sources; 2 lines have no counterpart, 2 are done in another way',
    ]);
  });

  test('what looks like a number is the text that stands there', async () => {
    const { sources } = await imported(
      'skopeo',
      'r.example.org: { images: { y: [1, 2.10, true] }, images-by-semver: { z: 1.10 }, tls-verify: True }',
    );
    expect(sources).toMatchObject([
      { repositories: ['y'], tags: { include: ['1', '2.10', 'true'] } },
      { repositories: ['z'], tags: { semver: '>=1.10.0 <1.11.0' } },
    ]);
  });

  test('--scoped names begin with the registry', async () => {
    const { sources } = await imported('skopeo', 'quay.io: { images: { coreos/etcd: [v3] } }', '--scoped');
    expect(sources).toMatchObject([{ rename: { from: '^coreos\\/etcd$', to: 'quay.io/coreos/etcd' } }]);
  });
});

test('a file is written for its owner alone, and never over another', async () => {
  await writeFile(path.join(cwd, 'sync.yml'), 'quay.io: { images: { a/b: [] } }');
  const words = ['config', 'import', 'skopeo', 'sync.yml', '-o', 'ours.yaml'];
  expect(await gantry(words, { cwd })).toMatchObject({ code: 0, out: '' });
  const file = path.join(cwd, 'ours.yaml');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const before = await readFile(file, 'utf8');
  expect(await gantry(words, { cwd })).toMatchObject({
    code: 2,
    err: expect.stringContaining('ours.yaml is there already'),
  });
  expect(await readFile(file, 'utf8')).toBe(before);
});

test.each([
  ['regsync', '[1, 2]', /the file must be a map/],
  ['regsync', 'sync: 5', /sync must be a list/],
  ['regsync', '', /theirs is empty/],
  ['skopeo', '# nothing yet\n', /theirs is empty/],
  ['kpromo', '---\n', /theirs is empty/],
  ['regsync', 'version: 2', /version: 2 is none that is known/],
  ['skopeo', 'a: {b', /is not YAML that can be read/],
  ['skopeo', 'quay.io: { images: [] }', /images must be a map/],
])('%s: %s is refused', async (kind, text, message) => {
  await writeFile(path.join(cwd, 'theirs'), text);
  const { code, out, err } = await gantry(['config', 'import', kind, 'theirs'], { cwd });
  expect([code, out, err]).toEqual([2, '', expect.stringMatching(message)]);
});
