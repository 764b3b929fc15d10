import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import { gantry } from '../cli.fixture.ts';

const TRUSTED = { name: 'a', url: 'https://a.example.org/gantry', trusted: true };
const OTHER = { name: 'b', url: 'https://b.example.org/gantry', weight: 300 };

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(path.join(tmpdir(), 'gantry-export-'));
  await layTree(path.join(cwd, 'data/tree'), { repositories: [{ name: 'app', tags: {} }] });
});
afterEach(() => rm(cwd, { recursive: true }));

/** Runs `gantry export` with these settings of the crane. */
const exported = (crane: object, ...words: string[]) =>
  gantry(['export', ...words], { cwd, env: { GANTRY_CRANE_MIRRORS: '[]', ...settings(crane) } });
const settings = (crane: object) =>
  Object.fromEntries(
    Object.entries(crane).map(([key, value]) => [
      `GANTRY_CRANE_${key.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  );
const written = (folder: string, file: string) => readFile(path.join(cwd, folder, 'current', file), 'utf8');

test('mirrors share by weight, and one that carries a part of the names gets those alone', async () => {
  const tags = {};
  await layTree(path.join(cwd, 'data/tree'), {
    repositories: ['app', 'team/x', 'team/y'].map((name) => ({ name, tags })),
  });
  const part = { name: 'c', url: 'https://c.example.org/$x"y', repositories: ['team/**'] };
  const ran = await exported({ mirrors: [TRUSTED, OTHER, part] }, 'nginx', '--to', 'edge');
  expect(ran).toMatchObject({ code: 0, err: '' });
  const names = (await written('edge', 'names.map')).trim().split('\n');
  const groups = new Map(names.map((line) => /^"\/(.*)" (\d);$/.exec(line)?.slice(1) as [string, string]));
  expect(groups.get('team/x')).toBe(groups.get('team/y'));
  expect(groups.get('app')).not.toBe(groups.get('team/x'));
  const http = await written('edge', 'http.conf');
  expect(http).toContain(
    `$gantry_any_${groups.get('app')} {\n    25.00% "https://a.example.org/gantry/";\n    * "https://b.example.org/gantry/";\n}`,
  );
  expect(http).toContain('"https://c.example.org/%24x%22y/"');
});

test('a mirror that only some clients may use is left out, and that is said', async () => {
  const hidden = { name: 'lan', url: 'https://lan.example.org', private: true, networks: ['10.0.0.0/8'] };
  const near = { ...OTHER, countries: ['DE'] };
  const ran = await exported({ mirrors: [TRUSTED, hidden, near] }, 'haproxy', '--to', 'edge');
  expect(ran).toMatchObject({ code: 0, err: expect.stringMatching(/private: lan\n.*everybody.*: b\n/) });
  expect(await written('edge', 'slots.map')).not.toContain('lan.example.org');
});

test('a mirror at http is warned of, as a server at https would send clients there', async () => {
  const plain = { ...OTHER, url: 'http://b.example.org/gantry' };
  for (const server of ['nginx', 'haproxy']) {
    const ran = await exported({ mirrors: [TRUSTED, plain] }, server, '--to', server);
    expect(ran).toMatchObject({ code: 0, err: expect.stringMatching(/: http, and .* by https .*: b\n$/) });
  }
});

test('paths are those of the machine that it is for', async () => {
  const ran = await exported({}, 'nginx', '--to', 'edge', '--at', '/etc/nginx/gantry');
  expect(ran).toMatchObject({
    code: 0,
    out: expect.stringContaining('include /etc/nginx/gantry/current/http.conf'),
  });
  expect(await written('edge', 'http.conf')).toMatch(
    /include "\/etc\/nginx\/gantry\/serial-000000000001-[0-9a-f]{16}\/tags.map";/,
  );
});

test.each([
  [
    'no mirror that could answer a tag',
    { mirrors: [OTHER] },
    ['haproxy'],
    'crane.mirrors has no mirror with "trusted: true"',
  ],
  ['no mirror at all', {}, ['haproxy'], 'crane.mirrors has no mirror'],
  [
    'only a mirror that redirects further',
    { mirrors: [{ ...TRUSTED, mirrormanager: { path: 'gantry' } }] },
    ['haproxy'],
    'crane.mirrors has no mirror',
  ],
  [
    'HAProxy that is to send files',
    { mirrors: [TRUSTED], manifests: 'serve' },
    ['haproxy'],
    'crane.manifests is "serve", and this server only redirects',
  ],
  ['another server', {}, ['apache'], 'Allowed choices are nginx, haproxy'],
  ['a folder that is no tree', {}, ['nginx', '--tree', './data'], 'holds no published tree'],
  [
    'a path that would end a word',
    {},
    ['nginx', '--at', '/etc/{x}'],
    'can not be written into a configuration',
  ],
])('is refused with the reason: %s', async (_, crane, words, reason) => {
  const ran = await exported(crane, ...words, '--to', 'edge');
  expect(ran.err).toContain(reason);
  expect(ran.code).not.toBe(0);
  expect((await readdir(cwd)).filter((name) => name !== 'data')).toEqual([]);
});

test.each(['nginx', 'haproxy'])('is refused for %s where not everybody may pull all', async (server) => {
  const crane = { mirrors: [TRUSTED], private: { repositories: ['corp/**'] } };
  await writeFile(path.join(cwd, 'gantry.yaml'), JSON.stringify({ crane }), { mode: 0o600 });
  const ran = await gantry(['export', server, '--to', 'edge'], { cwd });
  expect(ran.code).toBe(2);
  expect(ran.err).toContain(
    'crane.private names what not everybody may pull, and an export answers everybody',
  );
  expect(await readdir(cwd)).not.toContain('edge');
});

test('a folder that holds something else, or an export for another server, is left as it is', async () => {
  expect((await exported({}, 'nginx', '--to', 'edge')).code).toBe(0);
  const other = await exported({ mirrors: [TRUSTED] }, 'haproxy', '--to', 'edge');
  expect(other).toMatchObject({ code: 2, err: expect.stringContaining('holds an export for nginx') });
  await writeFile(path.join(cwd, 'edge/current/export.json'), '[');
  const garbled = await exported({}, 'nginx', '--to', 'edge');
  expect(garbled).toMatchObject({
    code: 2,
    err: expect.stringContaining('is not what an export has written'),
  });
});

test('what no static server does is named, where the configuration asks for it', async () => {
  const crane = { mirrors: [TRUSTED], redirectJson: ['./files'], catalog: true, search: true };
  for (const server of ['nginx', 'haproxy']) {
    const ran = await exported(crane, server, '--to', server);
    const err = expect.stringContaining(
      'left out, as a crane alone does it: crane.redirectJson, crane.catalog, crane.search\n',
    ) as string;
    expect(ran).toMatchObject({ code: 0, err });
  }
});

test('a listener of plain http is not written where https is asked for; nginx has a server of its own', async () => {
  const crane = { mirrors: [TRUSTED], tls: { certFile: 'a.pem', keyFile: 'a.key' } };
  const refused = await exported(crane, 'haproxy', '--to', 'edge');
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('crane.tls asks for https, and the frontend that is written for HAProxy');
  expect(await readdir(cwd)).not.toContain('edge');
  expect(await exported(crane, 'nginx', '--to', 'edge')).toMatchObject({ code: 0 });
});
