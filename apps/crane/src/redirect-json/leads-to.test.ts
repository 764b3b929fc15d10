import { rm } from 'node:fs/promises';
import path from 'node:path';
import { startTestCrane, temporaryFolder, testLog, until } from '../crane.fixture.ts';
import type { CraneOptions } from '../options.ts';
import { askPlain, UNKNOWN, writeFiles } from './redirect-json.fixture.ts';

/** Where redirect files lead: never to the crane's own host, and who has to know the hosts is told. */
const file = (name: string, url: string) => ({ version: 2, repository: name, 'repo-registry-id': name, url });
const old = { images: [{ id: 'abc123' }], tags: {} };
const FILES = {
  'good.json': file('good', 'http://cdn.example/good'),
  'second.json': file('second', 'http://cdn.example/second'),
  'own.json': file('own', 'http://Registry.example.org:8080/own'),
  'below.json': file('below', 'http://cdn.registry.example.org/foo/bar'),
  'old.json': { ...file('old', 'https://old.registry.example.org/old'), ...old, version: 1 },
};

type FileOptions = NonNullable<CraneOptions['redirectJson']>;

async function openFiles(
  more: Partial<CraneOptions> = {},
  cdn: FileOptions['cdn'] = {},
  content?: NonNullable<FileOptions['content']>,
) {
  await using opened = new AsyncDisposableStack();
  const { path: folder } = opened.use(await temporaryFolder());
  await writeFiles(folder, FILES);
  const logger = testLog();
  const crane = opened.use(
    await startTestCrane({
      redirectJson: { directories: [folder], cdn, ...(content && { content }) },
      logger,
      ...more,
    }),
  );
  const statusOf = async (target: string) => (await askPlain(crane, target)).status;
  return Object.assign(opened.move(), {
    folder,
    refused: () => logger.lines.flatMap(({ message }) => (message.includes('crane.name') ? [message] : [])),
    blobs: (...names: string[]) => Promise.all(names.map((name) => statusOf(`/v2/${name}/blobs/${UNKNOWN}`))),
    image: () => statusOf('/v1/images/abc123/json'),
    hosts: async () => {
      const { body } = await askPlain(crane, '/mirrors');
      return (JSON.parse(body) as { redirectFileHosts: string[] }).redirectFileHosts;
    },
  });
}

test.each([false, true])(
  'a file that leads to crane.name or below it is left out (compat: %s)',
  async (compat) => {
    await using files = await openFiles({ name: 'registry.example.org', compat });
    expect(await files.blobs('good', 'own', 'below')).toEqual([302, 404, 404]);
    expect(await files.image()).toBe(404);
    expect(files.refused()).toHaveLength(3);
    expect(files.refused().join('\n')).toContain(
      'below.json leads to cdn.registry.example.org, which is crane.name',
    );
    expect(await files.hosts()).toEqual(['cdn.example']);
  },
);

test('what counts is where a rewritten URL leads', async () => {
  const rewrite = { match: 'cdn.example/good/blobs/', replace: 'x.registry.example.org/' };
  await using files = await openFiles({ name: 'registry.example.org' }, { rewrite });
  expect(await files.blobs('good', 'second')).toEqual([404, 302]);
});

test('/mirrors names the hosts that served files lead to, as long as there is one', async () => {
  const rewrite = { match: 'registry.example.org', replace: 'edge.example.net' };
  await using files = await openFiles({}, { rewrite });
  expect(await files.hosts()).toEqual([
    'cdn.edge.example.net',
    'cdn.example',
    'old.registry.example.org',
    'registry.example.org:8080',
  ]);
  await rm(path.join(files.folder, 'good.json'));
  await rm(path.join(files.folder, 'old.json'));
  await until(async () => !(await files.hosts()).includes('old.registry.example.org'));
  await rm(path.join(files.folder, 'second.json'));
  await until(async () => !(await files.hosts()).includes('cdn.example'));
});

test('what is served here leads nowhere', async () => {
  await using content = await temporaryFolder();
  const served = { v1: content.path, v2: content.path, by: 'file', location: '/' } as const;
  await using files = await openFiles({ name: 'registry.example.org' }, {}, served);
  expect(await files.hosts()).toEqual([]);
  expect(files.refused()).toEqual([]);
});

test('a URL that is rewritten into none leads to no host', async () => {
  await using files = await openFiles({}, { rewrite: { match: 'http://cdn.example', replace: '' } });
  expect(await files.hosts()).toEqual([
    'cdn.registry.example.org',
    'old.registry.example.org',
    'registry.example.org:8080',
  ]);
});

test('who came to a trusted proxy by https is sent on to https alone, but as the original', async () => {
  await using folder = await temporaryFolder();
  const plain = { ...file('old', 'http://cdn.example/old'), ...old, version: 1 };
  await writeFiles(folder.path, { 'good.json': FILES['good.json'], 'old.json': plain });
  const headers = { 'X-Forwarded-Proto': 'https' };
  for (const compat of [false, true]) {
    await using crane = await startTestCrane({
      redirectJson: { directories: [folder.path], cdn: {} },
      trustedProxies: ['127.0.0.1'],
      compat,
    });
    for (const target of [`/v2/good/blobs/${UNKNOWN}`, '/v1/images/abc123/json']) {
      expect((await askPlain(crane, target)).status).toBe(302);
      expect((await askPlain(crane, target, { headers })).status).toBe(compat ? 302 : 503);
    }
  }
});
