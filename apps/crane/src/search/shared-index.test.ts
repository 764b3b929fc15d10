import { shareIndex } from './shared-index.ts';
import { createWordIndex } from './word-index.ts';

const said = (name: string) => ({ name, title: '', description: 'of the tree', more: '' });

test('a name is found as long as the tree or another has it, with what the tree says of it', () => {
  const index = createWordIndex();
  const { ofTree, further } = shareIndex(index);
  const found = () => index.find('app', 9).map(({ name, description }) => `${name}: ${description}`);
  further.put('app');
  expect(found()).toEqual(['app: ']);
  ofTree.put(said('app'));
  expect(found()).toEqual(['app: of the tree']);
  further.remove('app');
  expect(found()).toEqual(['app: of the tree']);
  further.put('app');
  expect(found()).toEqual(['app: of the tree']);
  ofTree.remove('app');
  expect(found()).toEqual(['app: ']);
  further.remove('app');
  expect(found()).toEqual([]);
  ofTree.put(said('app'));
  ofTree.remove('app');
  expect(index.size).toBe(0);
});
