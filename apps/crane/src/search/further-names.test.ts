import { rm } from 'node:fs/promises';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import {
  ask,
  repositoryOf,
  sampleImage,
  startTestCrane,
  temporaryFolder,
  testLog,
  until,
} from '../crane.fixture.ts';
import type { Crane } from '../crane.ts';
import { writeFiles } from '../redirect-json/redirect-json.fixture.ts';
import { startTreeSearch } from './tree-search.ts';

/** The crane's own index has the names of redirect files, beside those of a tree or alone. */

const SEARCH = { tags: 1, labels: [] };

const fileOf = (name: string, more: object = {}) => ({
  version: 2,
  repository: name,
  'repo-registry-id': name,
  url: `http://cdn.example/content/${name}`,
  ...more,
});

/** The names that are found, sorted, once there is an answer: on a busy machine the index's thread takes its time to begin. */
async function found(crane: Crane, text: string): Promise<string> {
  const response = await until(async () => {
    const answer = await ask(crane, `/v1/search?${String(new URLSearchParams({ q: text }))}`);
    return answer.status === 200 && answer;
  });
  const { results } = (await response.json()) as { results: { name: string }[] };
  return results
    .map(({ name }) => name)
    .toSorted()
    .join();
}

test('without a tree the names of redirect files are found, as the files come and go', async () => {
  await using folder = await temporaryFolder();
  await writeFiles(folder.path, {
    'httpd.json': fileOf('web/httpd'),
    'hidden.json': fileOf('web/hidden', { protected: true }),
    'old.json': { ...fileOf('web/old'), version: 1, images: [], tags: {} },
  });
  await using crane = await startTestCrane({
    redirectJson: { directories: [folder.path], cdn: {} },
    search: SEARCH,
  });
  expect(await found(crane, 'web')).toBe('web/httpd');
  expect(await found(crane, 'nothing of it')).toBe('');
  await writeFiles(folder.path, { 'caddy.json': fileOf('web/caddy') });
  await until(async () => (await found(crane, 'web')) === 'web/caddy,web/httpd');
  await rm(path.join(folder.path, 'httpd.json'));
  await until(async () => (await found(crane, 'web')) === 'web/caddy');
});

test('while further names are not known there is no answer yet', async () => {
  const further: { changes: number | undefined; names(): string[] } = {
    changes: undefined,
    names: () => ['app'],
  };
  await using searching = startTreeSearch(SEARCH, testLog(), further);
  expect(await searching.find('app')).toMatchObject({ status: 503 });
  further.changes = 0;
  const answered = async () => {
    const answer = await searching.find('app');
    return 'status' in answer ? undefined : answer;
  };
  expect(await until(answered)).toEqual([{ name: 'app', description: '' }]);
});

test('a name that a tree and a file have is found until both have lost it', async () => {
  await using folder = await temporaryFolder();
  const [tree, files] = [path.join(folder.path, 'tree'), path.join(folder.path, 'metadata')];
  const lay = (names: readonly string[]) =>
    layTree(tree, { repositories: names.map((name) => repositoryOf(name, { latest: sampleImage() })) });
  await lay(['web/both', 'web/tree']);
  await writeFiles(files, { 'both.json': fileOf('web/both'), 'file.json': fileOf('web/file') });
  await using crane = await startTestCrane({
    tree,
    redirectJson: { directories: [files], cdn: {} },
    search: SEARCH,
  });
  await until(async () => (await found(crane, 'web')) === 'web/both,web/file,web/tree');
  await lay(['web/tree']);
  await crane.refresh();
  await until(async () => (await found(crane, 'web')) === 'web/both,web/file,web/tree');
  await rm(path.join(files, 'both.json'));
  await until(async () => (await found(crane, 'web')) === 'web/file,web/tree');
  await lay(['web/tree', 'web/file']);
  await crane.refresh();
  await rm(path.join(files, 'file.json'));
  await crane.refresh();
  expect(await found(crane, 'web')).toBe('web/file,web/tree');
});
