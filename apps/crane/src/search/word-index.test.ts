import { createWordIndex, type RepositoryWords, type WordIndex } from './word-index.ts';

function indexOf(...all: readonly (Partial<RepositoryWords> & { name: string })[]): WordIndex {
  const index = createWordIndex();
  for (const words of all) index.put({ title: '', description: '', more: '', ...words });
  return index;
}
const namesOf = (index: WordIndex, text: string, limit = 10) =>
  index.find(text, limit).map(({ name }) => name);

const index = indexOf(
  { name: 'fedora/httpd', title: 'Apache', description: 'The web server of the Apache Foundation' },
  { name: 'fedora/httpd-tools', more: 'benchmark apache' },
  { name: 'web/nginx', description: 'A web server, and a proxy' },
  { name: 'db/postgresql-16', description: 'Keeps rows — größer als gedacht' },
  { name: 'httpd' },
);

test.each([
  ['httpd', ['httpd', 'fedora/httpd', 'fedora/httpd-tools']],
  ['fedora/httpd', ['fedora/httpd', 'fedora/httpd-tools']],
  ['FEDORA httpd', ['fedora/httpd', 'fedora/httpd-tools']],
  ['post', ['db/postgresql-16']],
  ['postgresql-16', ['db/postgresql-16']],
  ['apache', ['fedora/httpd', 'fedora/httpd-tools']],
  ['web server proxy', ['web/nginx']],
  ['größer', ['db/postgresql-16']],
])('%p finds %p', (text, names) => {
  expect(namesOf(index, text)).toEqual(names);
});

test('names that match as well stand in their order, whichever came first', () => {
  const alike = indexOf({ name: 'b/tool' }, { name: 'd/tool' }, { name: 'a/tool' }, { name: 'c/tool' });
  expect(namesOf(alike, 'tool')).toEqual(['a/tool', 'b/tool', 'c/tool', 'd/tool']);
});

test('where no word begins so, names are found that hold the text', () => {
  expect(namesOf(index, 'gres')).toEqual(['db/postgresql-16']);
  expect(namesOf(index, 'a/ht')).toEqual(['fedora/httpd', 'fedora/httpd-tools']);
});

test('where no name holds it, one letter may be mistyped', () => {
  expect(namesOf(index, 'posgresql')).toEqual(['db/postgresql-16']);
  expect(namesOf(index, 'ngin')).toEqual(['web/nginx']);
  expect(namesOf(index, 'xyz')).toEqual([]);
});

test('what says nothing but signs finds nothing', () => {
  expect(namesOf(index, '--')).toEqual([]);
});

test('no more are told than are wanted, and the best of them', () => {
  expect(namesOf(index, 'httpd', 1)).toEqual(['httpd']);
  expect(namesOf(index, 'e', 2)).toHaveLength(2);
});

test('what is put again takes the place of what was known; what is removed is not found', () => {
  const changing = indexOf({ name: 'a/one', description: 'red' }, { name: 'a/two', description: 'red' });
  changing.put({ name: 'a/one', title: '', description: 'blue', more: '' });
  expect(changing.find('blue', 10)).toEqual([{ name: 'a/one', description: 'blue' }]);
  expect(namesOf(changing, 'red')).toEqual(['a/two']);
  changing.remove('a/two');
  changing.remove('a/none');
  expect(namesOf(changing, 'red')).toEqual([]);
  expect(namesOf(changing, 'two')).toEqual([]);
  expect(changing.size).toBe(1);
});

test('names and words that objects have of their own are names and words', () => {
  const odd = indexOf({ name: 'constructor', description: '__proto__' }, { name: '__proto__/tostring' });
  expect(namesOf(odd, 'constructor')).toEqual(['constructor']);
  expect(namesOf(odd, 'proto').toSorted()).toEqual(['__proto__/tostring', 'constructor']);
});

test('names that hold a text stand in their order, whenever they came', () => {
  const late = indexOf({ name: 'c/sandbox' }, { name: 'a/gearbox' }, { name: 'b/inbox' });
  expect(namesOf(late, 'box')).toEqual(['a/gearbox', 'b/inbox', 'c/sandbox']);
});
