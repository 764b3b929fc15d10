import { layTree } from '@gantry/tree';
import * as fc from 'fast-check';
import { ask, repositoryOf, sampleImage, startTestCrane, temporaryFolder } from './crane.fixture.ts';
import { namePage } from './published-names.ts';

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

test('the catalogue is kept to oneself otherwise', async () => {
  await using folder = await temporaryFolder();
  await layTree(folder.path, { repositories: [repositoryOf('secret', { latest: sampleImage() })] });
  await using crane = await startTestCrane({ tree: folder.path });
  expect(await names(crane, '/v2/_catalog')).toMatchObject({
    status: 404,
    errors: [{ code: 'UNSUPPORTED' }],
  });
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
