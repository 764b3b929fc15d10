import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { directoryTree } from './directory-source.ts';
import { layTree } from './lay-tree.ts';
import { layHistory, ONE, PUBLISHED, tamperWith } from './sample-history.fixture.ts';
import { sampleRepository } from './sample-content.fixture.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'gantry-tree-'));
  await layHistory(root);
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

const { verify } = tamperWith(() => root);

describe('against another tree', () => {
  let other = '';
  beforeEach(async () => {
    other = await mkdtemp(path.join(tmpdir(), 'gantry-other-'));
  });
  afterEach(async () => {
    await rm(other, { recursive: true });
  });
  const against = () => verify({ against: directoryTree(other) });

  test('an equal one is equal', async () => {
    await layHistory(other);
    expect((await against()).findings).toEqual([]);
  });

  test('one that is a serial ahead names what differs', async () => {
    await layHistory(other);
    await layTree(other, { repositories: [sampleRepository('new', { x: ONE })], publishedMs: PUBLISHED });
    const result = await against();
    expect(result.findings[0]).toMatchObject({ kind: 'stale', severity: 'error' });
    const tags = result.findings.slice(1).map(({ kind, repository, tag }) => `${kind} ${repository}:${tag}`);
    expect(tags.toSorted()).toEqual([
      'different constructor:parts',
      'different fedora/httpd:10',
      'different fedora/httpd:latest',
      'different fedora/httpd:multi',
      'different new:x',
    ]);
  });

  test('one that was only reissued is equal, with a warning', async () => {
    await layHistory(other);
    const repositories = [sampleRepository('constructor', { parts: ONE })];
    await layTree(root, { repositories, publishedMs: PUBLISHED });
    await layTree(other, { repositories, publishedMs: PUBLISHED });
    await layTree(other, { repositories, publishedMs: PUBLISHED + 1 });
    const result = await against();
    expect(result).toMatchObject({ errors: 0, warnings: 1 });
    expect(result.findings).toMatchObject([{ kind: 'stale', severity: 'warning' }]);
  });

  test('one that is behind, one with another history, one that is another tree, and none', async () => {
    await layTree(other, { repositories: [], publishedMs: PUBLISHED - 5000 });
    expect((await against()).findings[0]).toMatchObject({ kind: 'ahead' });
    for (const at of [1, 2]) await layTree(other, { repositories: [], publishedMs: PUBLISHED + at });
    expect((await against()).findings[0]).toMatchObject({ kind: 'fork' });
    await rm(path.join(other, 'serial'), { recursive: true });
    expect((await against()).findings).toMatchObject([{ kind: 'different' }]);
    await layTree(other, { repositories: [], tree: 'another', publishedMs: PUBLISHED });
    expect((await against()).findings[0]).toMatchObject({ kind: 'other-tree' });
  });
});
