import { rm } from 'node:fs/promises';
import path from 'node:path';
import { directoryTree, indexPath, layTree, openTree } from '@gantry/tree';
import * as fc from 'fast-check';
import { ask, repositoryOf, sampleImage, startTestCrane, temporaryFolder } from '../crane.fixture.ts';
import { namePage } from '../repositories/published-names.ts';

const NAMES = ['a', 'a-b', 'a/b', 'team/app', 'team/app/x', 'z0'];

async function names(crane: Parameters<typeof ask>[0], target: string) {
  const answer = await ask(crane, target);
  return {
    ...((await answer.json()) as { repositories?: string[] }),
    link: answer.headers.get('link'),
    status: answer.status,
  };
}

test('the catalogue tells all names in their order, page by page, where it is asked for', async () => {
  await using folder = await temporaryFolder();
  const image = sampleImage();
  await layTree(folder.path, { repositories: NAMES.map((name) => repositoryOf(name, { latest: image })) });
  await using crane = await startTestCrane({ tree: folder.path, catalog: true });
  expect(await names(crane, '/v2/_catalog')).toEqual({ repositories: NAMES, link: null, status: 200 });
  expect(await names(crane, '/v2/_catalog?n=4')).toEqual({
    repositories: NAMES.slice(0, 4),
    link: '</v2/_catalog?n=4&last=team%2Fapp>; rel="next"',
    status: 200,
  });
  expect(await names(crane, '/v2/_catalog?n=4&last=team%2Fapp')).toMatchObject({
    repositories: NAMES.slice(4),
    link: null,
  });
  expect(await names(crane, '/v2/_catalog?n=0')).toMatchObject({ repositories: [], link: null });
  expect(await names(crane, '/v2/_catalog?n=-1')).toMatchObject({ status: 400 });

  await layTree(folder.path, { repositories: [repositoryOf('new', { latest: image })] });
  await crane.refresh();
  expect(await names(crane, '/v2/_catalog')).toMatchObject({ repositories: ['new'] });
});

test('a catalogue that can not be read is unavailable, and no list of fewer names', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [repositoryOf('app', { latest: sampleImage() })] });
  const view = await openTree(directoryTree(folder.path));
  await using crane = await startTestCrane({ tree: folder.path, catalog: true });
  for (const shard of view?.shards.values() ?? []) await rm(path.join(folder.path, indexPath(shard)));
  expect(await names(crane, '/v2/_catalog')).toMatchObject({
    status: 503,
    errors: [{ code: 'UNAVAILABLE' }],
  });
});

test('the catalogue is kept to oneself otherwise', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [repositoryOf('secret', { latest: sampleImage() })] });
  await using crane = await startTestCrane({ tree: folder.path });
  expect(await names(crane, '/v2/_catalog')).toMatchObject({
    status: 404,
    errors: [{ code: 'UNSUPPORTED' }],
  });
});

function many(mark: string): string[] {
  return Array.from({ length: 40 }, (_, at) => `${mark}${String(at).padStart(2, '0')}`);
}

test('names that lie in few of many lists are all found, page by page', () => {
  const parts = [many('b'), many('a'), many('c'), ...Array.from({ length: 100 }, () => [])];
  for (const limit of [1, 10, 50, 200]) {
    const seen: string[] = [];
    for (let last: string | undefined = ''; last !== undefined;) {
      const page = namePage(parts, { limit, last });
      expect(page.names.length).toBe(Math.min(limit, 120 - seen.length));
      seen.push(...page.names);
      last = page.next;
    }
    expect(seen).toEqual(parts.flat().toSorted());
  }
});

test('pages of any size, one after the other, have every name once and in order', () => {
  const shards = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 60 }).map((all) => {
    const parts: string[][] = [[], [], []];
    for (const [index, name] of all.entries()) parts[index % 3]?.push(name);
    return parts.map((part) => part.toSorted());
  });
  fc.assert(
    fc.property(shards, fc.integer({ min: 1, max: 20 }), (parts, limit) => {
      const seen: string[] = [];
      for (let last: string | undefined = ''; last !== undefined;) {
        const page = namePage(parts, { limit, last });
        seen.push(...page.names);
        last = page.next;
      }
      expect(seen).toEqual(parts.flat().toSorted());
    }),
  );
});
