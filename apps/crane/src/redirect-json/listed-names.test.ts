import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import type { Crane } from '../crane.ts';
import { repositoryOf, sampleImage, startTestCrane, temporaryFolder, until } from '../crane.fixture.ts';
import type { CraneOptions } from '../options.ts';
import { askPlain, writeFiles } from './redirect-json.fixture.ts';

/** Which names of redirect files are listed, to whom, and beside those of a tree. */

const opened = new AsyncDisposableStack();
let folder: string;
let files: string;

const fileOf = (name: string, more: object = {}) => ({
  version: 2,
  repository: name,
  'repo-registry-id': name,
  url: `http://cdn.example/content/${name}`,
  ...more,
});

beforeAll(async () => {
  folder = opened.use(await temporaryFolder()).path;
  files = path.join(folder, 'metadata');
  await layTree(path.join(folder, 'tree'), {
    repositories: ['both', 'corp/tree', 'tree'].map((name) => repositoryOf(name, { latest: sampleImage() })),
  });
  await writeFiles(files, {
    'a.json': fileOf('a'),
    'both.json': fileOf('both'),
    'hidden.json': fileOf('corp/file'),
    'protected.json': fileOf('corp/protected', { protected: true }),
    'z.json': fileOf('z'),
    'old.json': { ...fileOf('old'), version: 1, images: [{ id: 'abc' }], tags: {} },
    'old-hidden.json': { ...fileOf('corp/old'), version: 1, images: [{ id: 'def' }], tags: {} },
  });
  // As `htpasswd -B -C 4` writes it.
  await writeFile(
    path.join(folder, 'htpasswd'),
    'alice:$2y$04$qwTBjz1vOMJfho20.hn3T.1q2IMpGQbilb26Z.2veZxfnBWw/Itqi\n',
  );
});
afterAll(() => opened.disposeAsync());

const start = async (options: Partial<CraneOptions> = {}) =>
  opened.use(
    await startTestCrane({
      tree: path.join(folder, 'tree'),
      catalog: true,
      redirectJson: { directories: [files], cdn: {} },
      ...options,
    }),
  );

const ALICE = { Authorization: `Basic ${Buffer.from('alice:right').toString('base64')}` };
const startGuarded = () =>
  start({
    private: {
      repositories: ['corp/**'],
      readers: [{ users: ['alice'], groups: [], repositories: ['corp/**'] }],
      challenge: [],
      htpasswdFile: path.join(folder, 'htpasswd'),
    },
  });

const json = async (crane: Crane, target: string, headers = {}) =>
  JSON.parse((await askPlain(crane, target, { headers })).body) as Record<string, unknown>;

test('the catalogue has the names of tree and redirect files in one order, each once, page by page', async () => {
  const crane = await start();
  const all = ['a', 'both', 'corp/file', 'corp/tree', 'tree', 'z'];
  expect(await json(crane, '/v2/_catalog')).toEqual({ repositories: all });
  const seen: unknown[] = [];
  for (let target: string | undefined = '/v2/_catalog?n=2'; target !== undefined;) {
    const { body, headers } = await askPlain(crane, target);
    seen.push((JSON.parse(body) as { repositories: unknown }).repositories);
    target = /<(.*)>; rel="next"/.exec(String(headers['link']))?.[1];
  }
  expect(seen).toEqual([all.slice(0, 2), all.slice(2, 4), all.slice(4)]);
});

test('a file that comes or goes is in the next catalogue', async () => {
  const directory = path.join(folder, 'changing');
  await writeFiles(directory, { 'a.json': fileOf('a') });
  const crane = await start({ redirectJson: { directories: [directory], cdn: {} } });
  expect(await json(crane, '/v2/_catalog?n=1')).toEqual({ repositories: ['a'] });
  await writeFiles(directory, { 'new.json': fileOf('aa') });
  await until(
    async () => String((await json(crane, '/v2/_catalog'))['repositories']) === 'a,aa,both,corp/tree,tree',
  );
});

test('without a tree the catalogue has the names of redirect files', async () => {
  const crane = await startTestCrane({ catalog: true, redirectJson: { directories: [files], cdn: {} } });
  await using _ = crane;
  expect(await json(crane, '/v2/_catalog')).toEqual({ repositories: ['a', 'both', 'corp/file', 'z'] });
});

test.each([
  ['/v2/_catalog', 'nobody', ['a', 'both', 'tree', 'z']],
  ['/v2/_catalog', 'alice', ['a', 'both', 'corp/file', 'corp/protected', 'corp/tree', 'tree', 'z']],
  ['/crane/repositories/v2', 'nobody', ['a', 'both', 'z']],
  ['/crane/repositories/v2', 'alice', ['a', 'both', 'corp/file', 'corp/protected', 'z']],
  ['/crane/repositories/v1', 'nobody', ['old']],
  ['/crane/repositories/v1', 'alice', ['corp/old', 'old']],
])('%s tells %s only what they may read', async (target, who, names) => {
  const crane = await startGuarded();
  const answer = await json(crane, target, { Accept: 'application/json', ...(who === 'alice' ? ALICE : {}) });
  expect(target.startsWith('/v2/') ? answer['repositories'] : Object.keys(answer)).toEqual(names);
});

test.each([
  '/v2/corp/file/manifests/latest',
  '/v2/corp/protected/tags/list',
  '/v1/repositories/corp/old/images',
  '/v1/images/def/json',
])('what is private is hidden at %s, also in redirect files', async (target) => {
  const crane = await startGuarded();
  expect((await askPlain(crane, target)).status).toBe(404);
  expect([200, 302]).toContain((await askPlain(crane, target, { headers: ALICE })).status);
});
