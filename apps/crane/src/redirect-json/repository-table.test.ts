import { readRedirectFile } from './redirect-file.ts';
import { createRepositoryTable } from './repository-table.ts';

const imagesFile = (name: string, ids: readonly string[]) =>
  readRedirectFile(
    Buffer.from(
      JSON.stringify({
        version: 1,
        repository: 'a',
        'repo-registry-id': name,
        url: 'http://cdn.example/a',
        images: ids.map((id) => ({ id })),
        tags: {},
      }),
    ),
    () => true,
  );

test('an image is held by the repositories whose files name it now', () => {
  const table = createRepositoryTable(() => undefined);
  const holders = (id: string) => [...table.holders(id)].map(({ name }) => name);
  table.put({ directory: 0, path: 'one.json', file: imagesFile('one', ['a', 'b']) });
  table.put({ directory: 0, path: 'two.json', file: imagesFile('two', ['b']) });
  expect([holders('a'), holders('b')]).toEqual([['one'], ['one', 'two']]);
  table.put({ directory: 0, path: 'one.json', file: imagesFile('one', ['c']) });
  expect([holders('a'), holders('b'), holders('c')]).toEqual([[], ['two'], ['one']]);
  table.remove('two.json');
  expect(holders('b')).toEqual([]);
});
